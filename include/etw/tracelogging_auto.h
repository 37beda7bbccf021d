/* Part of TraceLoggingProvider.h: fields whose type follows from the value's. */
#pragma once
#pragma GCC system_header

#define ETW_TL_DATA_A(i, name, value, how, tag) \
    ETW_TL_D(ETW_TL_AUTO_ADDRESS(i), ETW_TL_AUTO_SIZE(i))

#ifdef __cplusplus
#define ETW_TL_FORM_A(i, name, value, how, tag) \
    typedef decltype(etw_tl::type_of(value)) etw_tl_t##i;
#define ETW_TL_MEMBER_A(i, name, value, how, tag) \
    char n##i[sizeof(name)];                      \
    ETW_TL_TYPE_##how<etw_tl_t##i> t##i;
#define ETW_TL_INIT_A(i, name, value, how, tag) name, ETW_TL_TYPE_##how<etw_tl_t##i>(tag),
#define ETW_TL_TYPE_etw_plain etw_tl::Plain
#define ETW_TL_TYPE_etw_tagged etw_tl::Tagged
#define ETW_TL_TAKE_A(take, i, name, value, how, tag) \
    take(const etw_tl::ValueOf<etw_tl_t##i>, etw_tl_v##i, (value))
#define ETW_TL_VAR_A(i, name, value, how, tag)                           \
    typedef etw_tl::Holder<etw_tl::ValueOf<etw_tl_t##i>> etw_tl_w##i;    \
    ETW_TL_BUFFER(uint16_t etw_tl_b##i[etw_tl_w##i::room(etw_tl_v##i)];) \
    const etw_tl_w##i etw_tl_h##i(etw_tl_v##i, etw_tl_b##i, sizeof(etw_tl_b##i) / 2);
/* In a template clang forgets an __extension__. */
#ifdef __clang__
#define ETW_TL_BUFFER(...)                                                                   \
    _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wvla-extension\"") \
        __VA_ARGS__ _Pragma("clang diagnostic pop")
#else
#define ETW_TL_BUFFER(...) __extension__ __VA_ARGS__
#endif
#define ETW_TL_AUTO_ADDRESS(i) etw_tl_h##i.address()
#define ETW_TL_AUTO_SIZE(i) etw_tl_h##i.size()

extern "C++" {
namespace etw_tl {

/* The type bytes of a field, and what its value is converted to: what is written is as large as
 * they say, whatever the source has (a bit-field, an enumeration, an element of vector<bool>). */
template <class T, uint8_t in, uint8_t out = 0>
struct Type {
    using Value = T;
};
template <class Type>
using ValueOf = typename Type::Value;

template <class Type>
struct Plain;
template <class T, uint8_t in>
struct Plain<Type<T, in>> {
    explicit constexpr Plain(int) : in_type(in) {}
    uint8_t in_type;
};
template <class T, uint8_t in, uint8_t out>
struct Plain<Type<T, in, out>> {
    explicit constexpr Plain(int) : in_type(in | 0x80), out_type(out) {}
    uint8_t in_type, out_type;
};
/* The same with a tag: out is there if only to say that the tag follows. */
template <class Type>
struct Tagged;
template <class T, uint8_t in, uint8_t out>
struct Tagged<Type<T, in, out>> {
    explicit constexpr Tagged(uint32_t tag)
        : bytes{in | 0x80, out | 0x80, ETW_TL_SEVENS(tag) uint8_t(tag & 0x7F)} {}
    uint8_t bytes[6];
};

/* Never called. */
Type<bool, 4, 3> type_of(bool);
Type<char, 4, 2> type_of(char);
Type<signed char, 3> type_of(signed char);
Type<unsigned char, 4> type_of(unsigned char);
Type<short, 5> type_of(short);
Type<unsigned short, 6> type_of(unsigned short);
Type<int, 7> type_of(int);
Type<unsigned, 8> type_of(unsigned);
Type<long, sizeof(long) == 8 ? 9 : 7> type_of(long); /* 32 bits on Windows */
Type<unsigned long, sizeof(long) == 8 ? 10 : 8> type_of(unsigned long);
Type<long long, 9> type_of(long long);
Type<unsigned long long, 10> type_of(unsigned long long);
Type<float, 11> type_of(float);
Type<double, 12> type_of(double);
Type<char16_t, 6, 2> type_of(char16_t);
Type<char16_t, 6, 2> type_of(wchar_t); /* as TraceLoggingWChar writes it */
Type<const char*, 2> type_of(const char*);
Type<const char16_t*, 1> type_of(const char16_t*);
Type<const wchar_t*, 1> type_of(const wchar_t*);
#ifdef __cpp_char8_t
Type<const char8_t*, 2, 35> type_of(const char8_t*);
#endif
Type<const volatile void*, 21> type_of(const volatile void*);
Type<const void*, 21> type_of(decltype(nullptr));
Type<const SID*, 19> type_of(const SID*);
template <class Result, class... Args>
Type<Result (*)(Args...), 21> type_of(Result (*)(Args...));
Type<GUID, 15> type_of(const GUID&);
Type<FILETIME, 17> type_of(const FILETIME&);
Type<SYSTEMTIME, 18> type_of(const SYSTEMTIME&);

template <class T>
class Holder {
public:
    Holder(const T& value, const uint16_t*, size_t) : value_(&value) {}
    static constexpr size_t room(const T&) { return 1; }
    const void* address() const { return value_; }
    size_t size() const { return sizeof(T); }

private:
    const T* value_;
};
template <>
class Holder<const char*> {
public:
    Holder(const char* text, const uint16_t*, size_t) : text_(etw_tl_text(text)) {}
    static constexpr size_t room(const char*) { return 1; }
    const void* address() const { return text_; }
    size_t size() const { return strlen(text_) + 1; }

private:
    const char* text_;
};
template <>
class Holder<const SID*> {
public:
    Holder(const SID* sid, const uint16_t*, size_t) : sid_(etw_tl_sid(sid)) {}
    static constexpr size_t room(const SID*) { return 1; }
    const void* address() const { return sid_; }
    size_t size() const { return etw_tl_sid_size(sid_); }

private:
    const uint8_t* sid_;
};
template <class Unit>
class WideHolder {
public:
    WideHolder(const Unit* text, uint16_t* buffer, size_t room)
        : text_(etw_tl_wide(text, sizeof(Unit), -1, buffer, room, &size_)) {}
    static size_t room(const Unit* text) { return etw_tl_wide_room(text, sizeof(Unit), -1); }
    const void* address() const { return text_; }
    size_t size() const { return size_ + 2; }

private:
    uint32_t size_ = 0;
    const void* text_;
};
template <>
class Holder<const char16_t*> : public WideHolder<char16_t> {
    using WideHolder::WideHolder;
};
template <>
class Holder<const wchar_t*> : public WideHolder<wchar_t> {
    using WideHolder::WideHolder;
};
#ifdef __cpp_char8_t
template <>
class Holder<const char8_t*> : public Holder<const char*> {
public:
    Holder(const char8_t* text, const uint16_t* buffer, size_t units)
        : Holder<const char*>(narrow(text), buffer, units) {}
    static constexpr size_t room(const char8_t*) { return 1; }
};
#endif

}  // namespace etw_tl
}

#else /* C: _Generic */

/* Where wchar_t has 16 bits, char16_t is the same type in C. */
#if __SIZEOF_WCHAR_T__ == 4
#define ETW_TL_AUTO_WIDE(value) wchar_t* : (value), const wchar_t* : (value),
#define ETW_TL_AUTO_UNIT(value) _Generic((value), wchar_t * : 4, const wchar_t* : 4, default : 2)
#else
#define ETW_TL_AUTO_WIDE(value)
#define ETW_TL_AUTO_UNIT(value) 2
#endif
/* in | out << 8. The conversion of the operand makes pointers of arrays. */
#define ETW_TL_AUTO_TYPE(value)                                                                  \
    _Generic((value), _Bool : 4 | 3 << 8, char : 4 | 2 << 8, signed char : 3, unsigned char : 4, \
             short : 5, unsigned short : 6, int : 7, unsigned : 8, long                          \
             : sizeof(long) == 8 ? 9 : 7, unsigned long                                          \
             : sizeof(long) == 8 ? 10 : 8, long long : 9, unsigned long long : 10, float : 11,   \
               double : 12, char* : 2, const char* : 2, char16_t* : 1, const char16_t* : 1,      \
               ETW_TL_AUTO_WIDE(1) void* : 21, const void* : 21, GUID : 15, FILETIME : 17,       \
               SYSTEMTIME : 18)
/* One byte, or two as a little-endian number, then the tag where there is one. */
#define ETW_TL_MEMBER_A(i, name, value, how, tag) \
    char n##i[sizeof(name)];                      \
    ETW_TL_MEMBER_##how(i, value)
#define ETW_TL_MEMBER_etw_plain(i, value)      \
    __typeof__(_Generic((value), _Bool         \
                        : (uint16_t)0, char    \
                        : (uint16_t)0, default \
                        : (uint8_t)0)) t##i;
#define ETW_TL_MEMBER_etw_tagged(i, value) \
    uint16_t t##i;                         \
    uint8_t g##i[4];
#define ETW_TL_INIT_A(i, name, value, how, tag) \
    name, ETW_TL_INIT_##how(ETW_TL_AUTO_TYPE(value), tag)
#define ETW_TL_INIT_etw_plain(type, tag) (type) | ((type) > 0xFF ? 0x80 : 0),
#define ETW_TL_INIT_etw_tagged(type, tag) (type) | 0x8080, {ETW_TL_SEVENS(tag)(tag) & 0x7F},
#define ETW_TL_FORM_A(i, name, value, how, tag)
#define ETW_TL_TAKE_A(take, i, name, value, how, tag) \
    take(__extension__ const __auto_type, etw_tl_v##i, (value))
#define ETW_TL_VAR_A(i, name, value, how, tag)                                                   \
    __extension__ uint16_t etw_tl_b##i[etw_tl_auto_room(ETW_TL_AUTO_TYPE(value),                 \
                                                        ETW_TL_AUTO_UNIT(value), &etw_tl_v##i)]; \
    const etw_data etw_tl_h##i =                                                                 \
        etw_tl_auto(ETW_TL_AUTO_TYPE(value) & 0x7F, &etw_tl_v##i, sizeof(etw_tl_v##i),           \
                    ETW_TL_AUTO_UNIT(value), etw_tl_b##i, sizeof(etw_tl_b##i) / 2);
#define ETW_TL_AUTO_ADDRESS(i) etw_tl_h##i.address
#define ETW_TL_AUTO_SIZE(i) etw_tl_h##i.size

static inline size_t etw_tl_auto_room(int type, size_t unit, const void* value) {
    const void* text;
    if (type != 1 || unit == 2) return 1;
    memcpy(&text, value, sizeof(text));
    return etw_tl_wide_room(text, unit, -1);
}
static inline etw_data etw_tl_auto(int type, const void* value, size_t size, size_t unit,
                                   uint16_t* buffer, size_t room) {
    etw_data data = {(uint64_t)(uintptr_t)value, (uint32_t)size, 0};
    const void* text;
    if (type != 1 && type != 2) return data;
    memcpy(&text, value, sizeof(text));
    if (type == 2) {
        const char* narrow = etw_tl_text((const char*)text);
        data.address = (uint64_t)(uintptr_t)narrow;
        data.size = (uint32_t)strlen(narrow) + 1;
        return data;
    }
    data.address = (uint64_t)(uintptr_t)etw_tl_wide(text, unit, -1, buffer, room, &data.size);
    data.size += 2;
    return data;
}
#endif
