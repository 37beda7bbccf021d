/* Activities of self-describing events, source-compatible with the Windows SDK's header of the same
 * name, in C++17. An activity has an id of its own from its start event to its stop event, which
 * readers of the log put together by it.
 *
 *     TraceLoggingActivity<g_provider> activity;
 *     TraceLoggingWriteStart(activity, "Order", TraceLoggingValue(n, "count"));
 *     TraceLoggingWriteTagged(activity, "Packed");
 *     TraceLoggingWriteStop(activity, "Order");
 *
 *     void ship() { TraceLoggingFunction(g_provider); ... }  // a thread's activity, "ship"
 *
 * An activity that ends without TraceLoggingWriteStop writes the stop event "ActivityStopped". An
 * id is made only where a session wants the start event; without one the other events have the
 * thread's. */
#pragma once
#pragma GCC system_header
#ifndef __cplusplus
#error "TraceLoggingActivity.h is for C++."
#endif
#include "TraceLoggingProvider.h"

#include <type_traits>

extern "C++" {
namespace etw_tl {

inline const GUID* id_or_null(const GUID& id) {
    static const GUID kNone = {};
    return memcmp(&id, &kNone, sizeof(id)) != 0 ? &id : nullptr;
}

/* What both kinds have. Derived has activate() and deactivate(). */
template <class Derived, const TraceLoggingHProvider& provider, ULONGLONG keyword, UCHAR level>
class Activity {
public:
    static constexpr ULONGLONG Keyword = keyword;
    static constexpr UCHAR Level = level;

    TraceLoggingHProvider Provider() const { return provider; }
    bool IsStarted() const { return started_; }
    /* Null until it is started, and where no session wanted its start. */
    const GUID* Id() const { return id_or_null(id_); }

    /* For the macros. */
    const GUID* etw_related() const { return id_or_null(related_); }
    void etw_start() {
        started_ = true;
        if (TraceLoggingProviderEnabled(provider, level, keyword)) derived().activate();
    }
    void etw_stop() {
        started_ = false;
        if (Id() != nullptr) derived().deactivate();
    }

protected:
    Activity() = default;
    Activity(Activity&& other)
        : started_(other.started_), id_(other.id_), related_(other.related_) {
        other.started_ = false;
        other.id_ = {};
    }
    Activity& operator=(Activity&&) = delete;
    ~Activity() {
        if (!started_) return;
        etw_stop();
        TraceLoggingWriteActivity(provider, "ActivityStopped", Id(), NULL, TraceLoggingLevel(level),
                                  TraceLoggingKeyword(keyword), TraceLoggingOpcode(2));
    }

    GUID id_ = {};
    GUID related_ = {};

private:
    Derived& derived() { return static_cast<Derived&>(*this); }

    bool started_ = false;
};

}  // namespace etw_tl

/* Events belong to it where the source says so: TraceLoggingWriteTagged. */
template <const TraceLoggingHProvider& provider, ULONGLONG keyword = 0, UCHAR level = 5>
class TraceLoggingActivity : public etw_tl::Activity<TraceLoggingActivity<provider, keyword, level>,
                                                     provider, keyword, level> {
public:
    TraceLoggingActivity() = default;
    TraceLoggingActivity(TraceLoggingActivity&&) = default;

    /* The activity that this one belongs to; before the start. */
    template <class Other>
    void SetRelatedActivity(const Other& other) {
        SetRelatedActivityId(other.Id());
    }
    void SetRelatedActivityId(const GUID& id) { this->related_ = id; }
    void SetRelatedActivityId(const GUID* id) {
        if (id != nullptr) this->related_ = *id;
    }

private:
    friend class etw_tl::Activity<TraceLoggingActivity, provider, keyword, level>;
    void activate() { EventActivityIdControl(EVENT_ACTIVITY_CTRL_CREATE_ID, &this->id_); }
    void deactivate() {}
};

/* All events of the thread belong to it, between start and stop. Activities of one thread have to
 * be nested, and to be stopped by the thread that started them. */
template <const TraceLoggingHProvider& provider, ULONGLONG keyword = 0, UCHAR level = 5>
class TraceLoggingThreadActivity
    : public etw_tl::Activity<TraceLoggingThreadActivity<provider, keyword, level>, provider,
                              keyword, level> {
public:
    TraceLoggingThreadActivity() = default;
    TraceLoggingThreadActivity(TraceLoggingThreadActivity&&) = default;

private:
    friend class etw_tl::Activity<TraceLoggingThreadActivity, provider, keyword, level>;
    void activate() {
        EventActivityIdControl(EVENT_ACTIVITY_CTRL_CREATE_SET_ID, &this->related_);
        EventActivityIdControl(EVENT_ACTIVITY_CTRL_GET_ID, &this->id_);
    }
    void deactivate() {
        GUID outer = this->related_;
        EventActivityIdControl(EVENT_ACTIVITY_CTRL_SET_ID, &outer);
    }
};

/* The thread's activity is `id` as long as this lives. */
class TraceLoggingThreadActivityIdSetter {
public:
    explicit TraceLoggingThreadActivityIdSetter(const GUID& id) : before_(id) {
        EventActivityIdControl(EVENT_ACTIVITY_CTRL_GET_SET_ID, &before_);
    }
    /* Null leaves the thread's as it is. */
    explicit TraceLoggingThreadActivityIdSetter(const GUID* id) {
        if (id != nullptr) before_ = *id;
        EventActivityIdControl(
            id != nullptr ? EVENT_ACTIVITY_CTRL_GET_SET_ID : EVENT_ACTIVITY_CTRL_GET_ID, &before_);
    }
    TraceLoggingThreadActivityIdSetter(const TraceLoggingThreadActivityIdSetter&) = delete;
    TraceLoggingThreadActivityIdSetter& operator=(const TraceLoggingThreadActivityIdSetter&) =
        delete;
    ~TraceLoggingThreadActivityIdSetter() {
        EventActivityIdControl(EVENT_ACTIVITY_CTRL_SET_ID, &before_);
    }

private:
    GUID before_ = {};
};
}

/* TraceLoggingWriteStart(activity, "Event", fields...): level and keyword are the activity's. */
#define TraceLoggingWriteStart(activity, name, ...) \
    ETW_TL_STEP(activity, etw_start(), etw_tl_activity.etw_related(), 1, name, ##__VA_ARGS__)
#define TraceLoggingWriteStop(activity, name, ...) \
    ETW_TL_STEP(activity, etw_stop(), (const GUID*)NULL, 2, name, ##__VA_ARGS__)
#define ETW_TL_STEP(activity, step, related, opcode, name, ...)                                   \
    do {                                                                                          \
        auto& etw_tl_activity = (activity);                                                       \
        etw_tl_activity.step;                                                                     \
        TraceLoggingWriteActivity(                                                                \
            etw_tl_activity.Provider(), name, etw_tl_activity.Id(), related,                      \
            TraceLoggingLevel(std::remove_reference<decltype(etw_tl_activity)>::type::Level),     \
            TraceLoggingKeyword(std::remove_reference<decltype(etw_tl_activity)>::type::Keyword), \
            TraceLoggingOpcode(opcode), ##__VA_ARGS__);                                           \
    } while (0)
/* TraceLoggingWriteTagged(activity, "Event", fields...): an event of an activity that is started.
 */
#define TraceLoggingWriteTagged(activity, name, ...)                                      \
    do {                                                                                  \
        const auto& etw_tl_activity = (activity);                                         \
        TraceLoggingWriteActivity(etw_tl_activity.Provider(), name, etw_tl_activity.Id(), \
                                  (const GUID*)NULL, ##__VA_ARGS__);                      \
    } while (0)
/* TraceLoggingFunction(provider, fields...): until the end of the scope, the thread's activity is
 * one that has the function's name. The start event has the fields; level and keyword are both
 * events'. */
#define TraceLoggingFunction(provider, ...)                                                   \
    static constexpr auto etw_tl_function_name = etw_tl::text(__FUNCTION__);                  \
    enum { etw_tl_function_given = 0 ETW_TL_EACH(ETW_TL_LEVEL, "", ##__VA_ARGS__) };          \
    static constexpr ULONGLONG etw_tl_function_keyword =                                      \
        0 ETW_TL_EACH(ETW_TL_KEYWORD, "", ##__VA_ARGS__);                                     \
    class EtwTlFunction                                                                       \
        : public TraceLoggingThreadActivity<(provider), etw_tl_function_keyword,              \
                                            etw_tl_function_given ? etw_tl_function_given - 1 \
                                                                  : 5> {                      \
    public:                                                                                   \
        ~EtwTlFunction() { TraceLoggingWriteStop(*this, etw_tl_function_name.text); }         \
    } etw_tl_function;                                                                        \
    TraceLoggingWriteStart(etw_tl_function, etw_tl_function_name.text, ##__VA_ARGS__)
