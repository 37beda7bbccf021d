/* Part of TraceLoggingProvider.h: fields whose type follows from the value's. */
#pragma once
#pragma GCC system_header

#define ETW_TL_DATA_A(i, name, value) ETW_TL_D(ETW_TL_AUTO_ADDRESS(i), ETW_TL_AUTO_SIZE(i))

#ifdef __cplusplus
#define ETW_TL_MEMBER_A(i, name, value) \
    char n##i[sizeof(name)];            \
    decltype(etw_tl::type_of(value)) t##i;
#define ETW_TL_INIT_A(i, name, value) name, {},
#define ETW_TL_VAR_A(i, name, value)  \
    const auto etw_tl_v##i = (value); \
    const etw_tl::Holder<decltype(etw_tl::plain(etw_tl_v##i))> etw_tl_h##i(etw_tl_v##i);
#define ETW_TL_AUTO_ADDRESS(i) etw_tl_h##i.address()
#define ETW_TL_AUTO_SIZE(i) etw_tl_h##i.size()

extern "C++" {
namespace etw_tl {

template <uint8_t in>
struct Plain {
    uint8_t in_type = in;
};
template <uint8_t in, uint8_t out>
struct Shown {
    uint8_t in_type = in | 0x80;
    uint8_t out_type = out;
};

/* Never called; the result is the type bytes. */
Shown<4, 3> type_of(bool);
Shown<4, 2> type_of(char);
Plain<3> type_of(signed char);
Plain<4> type_of(unsigned char);
Plain<5> type_of(short);
Plain<6> type_of(unsigned short);
Plain<7> type_of(int);
Plain<8> type_of(unsigned);
Plain<9> type_of(long);
Plain<10> type_of(unsigned long);
Plain<9> type_of(long long);
Plain<10> type_of(unsigned long long);
Plain<11> type_of(float);
Plain<12> type_of(double);
Shown<6, 2> type_of(char16_t);
Plain<2> type_of(const char*);
Plain<1> type_of(const char16_t*);
Plain<1> type_of(const wchar_t*);
Plain<21> type_of(const void*);
Plain<15> type_of(const GUID&);
Plain<17> type_of(const FILETIME&);
Plain<18> type_of(const SYSTEMTIME&);

template <class T>
T plain(const T&);

template <class T>
class Holder {
public:
    explicit Holder(const T& value) : value_(&value) {}
    const void* address() const { return value_; }
    size_t size() const { return sizeof(T); }

private:
    const T* value_;
};
template <>
class Holder<const char*> {
public:
    explicit Holder(const char* text) : text_(etw_tl_text(text)) {}
    const void* address() const { return text_; }
    size_t size() const { return strlen(text_) + 1; }

private:
    const char* text_;
};
template <>
class Holder<const char16_t*> {
public:
    explicit Holder(const char16_t* text) : text_(etw_tl_wide(text, 2, -1, &empty_, &size_)) {}
    const void* address() const { return text_; }
    size_t size() const { return size_ + 2; }

private:
    uint16_t empty_ = 0;
    uint32_t size_ = 0;
    const void* text_;
};
template <>
class Holder<const wchar_t*> {
public:
    explicit Holder(const wchar_t* text) : text_(etw_tl_wide(text, 4, -1, buffer_, &size_)) {}
    const void* address() const { return text_; }
    size_t size() const { return size_ + 2; }

private:
    uint16_t buffer_[1024];
    uint32_t size_ = 0;
    const void* text_;
};
template <>
class Holder<char*> : public Holder<const char*> {
    using Holder<const char*>::Holder;
};
template <>
class Holder<char16_t*> : public Holder<const char16_t*> {
    using Holder<const char16_t*>::Holder;
};
template <>
class Holder<wchar_t*> : public Holder<const wchar_t*> {
    using Holder<const wchar_t*>::Holder;
};

}  // namespace etw_tl
}

#else /* C: _Generic */

/* in | out << 8. The conversion of the operand makes pointers of arrays. */
#define ETW_TL_AUTO_TYPE(value)                                                                  \
    _Generic((value), _Bool : 4 | 3 << 8, char : 4 | 2 << 8, signed char : 3, unsigned char : 4, \
             short : 5, unsigned short : 6, int : 7, unsigned : 8, long : 9, unsigned long : 10, \
             long long : 9, unsigned long long : 10, float : 11, double : 12, char* : 2,         \
             const char* : 2, char16_t* : 1, const char16_t* : 1, wchar_t* : 1,                  \
             const wchar_t* : 1, void* : 21, const void* : 21, GUID : 15, FILETIME : 17,         \
             SYSTEMTIME : 18)
/* One byte, or two as a little-endian number. */
#define ETW_TL_MEMBER_A(i, name, value)        \
    char n##i[sizeof(name)];                   \
    __typeof__(_Generic((value), _Bool         \
                        : (uint16_t)0, char    \
                        : (uint16_t)0, default \
                        : (uint8_t)0)) t##i;
#define ETW_TL_INIT_A(i, name, value) \
    name, ETW_TL_AUTO_TYPE(value) | (ETW_TL_AUTO_TYPE(value) > 0xFF ? 0x80 : 0),
#define ETW_TL_VAR_A(i, name, value)                                                               \
    __extension__ const __auto_type etw_tl_v##i = (value);                                         \
    uint16_t etw_tl_b##i[_Generic((value), wchar_t * : 1024, const wchar_t* : 1024, default : 1)]; \
    const etw_data etw_tl_h##i =                                                                   \
        etw_tl_auto(ETW_TL_AUTO_TYPE(value) & 0x7F, &etw_tl_v##i, sizeof(etw_tl_v##i),             \
                    sizeof(etw_tl_b##i) == 2 ? 2 : 4, etw_tl_b##i);
#define ETW_TL_AUTO_ADDRESS(i) etw_tl_h##i.address
#define ETW_TL_AUTO_SIZE(i) etw_tl_h##i.size

static inline etw_data etw_tl_auto(int type, const void* value, size_t size, size_t unit,
                                   uint16_t* buffer) {
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
    data.address = (uint64_t)(uintptr_t)etw_tl_wide(text, unit, -1, buffer, &data.size);
    if (text == NULL) data.size = 0;
    data.size += 2;
    return data;
}
#endif
