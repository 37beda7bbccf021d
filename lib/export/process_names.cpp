#include "export/process_names.h"

#include "export/event_fields.h"

namespace etw::exports {

using What = ProcessNames::Change::What;

ProcessNames::Change ProcessNames::learn(const etl::Record& record, const decode::Event& event) {
    if (is_kernel(event, "Process")) return learn_process(event);
    if (is_kernel(event, "Thread")) return learn_thread(event);
    if (record.thread_id != kNoId && record.thread_id != 0 && record.process_id != kNoId &&
        threads_.size() < kMaxKnown) {
        threads_.try_emplace(record.thread_id, Thread{record.process_id, {}});
    }
    return {};
}

ProcessNames::Change ProcessNames::learn_process(const decode::Event& event) {
    const auto process = number_field(event, "ProcessId");
    Change out;
    out.name = text_field(event, "ImageFileName");
    if (!process || out.name.empty()) return {};
    out.what = What::kProcess;
    out.process = uint32_t(*process);
    out.parent = uint32_t(number_field(event, "ParentId").value_or(0));
    out.starts = event.opcode == "Start";
    out.command_line = text_field(event, "CommandLine");
    if (processes_.size() < kMaxKnown || processes_.contains(out.process)) {
        processes_.insert_or_assign(out.process, out.name);
    }
    return out;
}

ProcessNames::Change ProcessNames::learn_thread(const decode::Event& event) {
    const auto process = number_field(event, "ProcessId");
    const auto thread = number_field(event, "TThreadId");
    if (!process || !thread) return {};
    Change out;
    out.what = What::kThread;
    out.process = uint32_t(*process);
    out.thread = uint32_t(*thread);
    out.starts = event.opcode == "Start";
    out.name = text_field(event, "ThreadName");
    if (threads_.size() < kMaxKnown || threads_.contains(out.thread)) {
        threads_.insert_or_assign(out.thread, Thread{out.process, out.name});
    }
    return out;
}

std::string_view ProcessNames::process(uint32_t process) const {
    const auto at = processes_.find(process);
    return at == processes_.end() ? std::string_view() : std::string_view(at->second);
}

std::string_view ProcessNames::thread(uint32_t thread) const {
    const auto at = threads_.find(thread);
    if (at == threads_.end()) return {};
    return at->second.name.empty() ? process(at->second.process) : at->second.name;
}

uint32_t ProcessNames::process_of(uint32_t thread) const {
    const auto at = threads_.find(thread);
    return at == threads_.end() ? kNoId : at->second.process;
}

}  // namespace etw::exports
