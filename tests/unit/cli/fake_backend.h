// A Backend that remembers what it was asked and answers what the test has set.
#pragma once
#include "etw/session.h"
#include "session/rules.h"

#include <optional>

namespace etw::cli {

class FakeBackend : public session::Backend {
public:
    template <class T>
    using Outcome = session::Outcome<T>;

    const session::System* of = &session::kLinux;
    std::vector<std::string> calls;  // "start MyTrace"
    session::StartRequest started;
    session::UpdateRequest updated;
    session::FlushRequest flushed;
    session::EnableRequest enabled;  // of enable, disable and capture_state
    session::BootSession configured;
    std::optional<session::Failure> failure;
    bool list_fails = true;   // with `failure`, as all calls do
    std::vector<Code> codes;  // for each provider; missing ones are kOk
    session::SessionStatus status;
    std::vector<session::SessionStatus> sessions;
    std::vector<session::RegisteredProvider> registered;
    std::vector<session::RegisteredProvider> kernel;
    std::vector<session::RefusedProgram> refused;

    const session::System& system() const noexcept override { return *of; }
    Outcome<session::EnableResult> start(const session::StartRequest& request) override {
        started = request;
        return answer("start", request.properties.name, request.providers.size());
    }
    Outcome<session::SessionStatus> stop(const std::string& name) override {
        return answer("stop", name);
    }
    Outcome<session::SessionStatus> query(const std::string& name) override {
        return answer("query", name);
    }
    Outcome<std::vector<session::SessionStatus>> list() override {
        calls.push_back("list");
        if (failure && list_fails) return *failure;
        return sessions;
    }
    Outcome<session::SessionStatus> update(const session::UpdateRequest& request) override {
        updated = request;
        return answer("update", request.name);
    }
    Outcome<session::SessionStatus> flush(const session::FlushRequest& request) override {
        flushed = request;
        return answer("flush", request.name);
    }
    Outcome<session::SessionStatus> increment_file(const std::string& name) override {
        return answer("increment", name);
    }
    Outcome<session::SessionStatus> system_rundown(const std::string& name) override {
        return answer("rundown", name);
    }
    Outcome<session::EnableResult> enable(const session::EnableRequest& request) override {
        enabled = request;
        return answer("enable", request.name, request.providers.size());
    }
    Outcome<session::EnableResult> disable(const session::EnableRequest& request) override {
        enabled = request;
        return answer("disable", request.name, request.providers.size());
    }
    Outcome<session::EnableResult> capture_state(const session::EnableRequest& request) override {
        enabled = request;
        return answer("capture", request.name, request.providers.size());
    }
    Outcome<std::vector<session::RegisteredProvider>> registered_providers() override {
        if (failure) return *failure;
        return registered;
    }
    Outcome<std::vector<session::RegisteredProvider>> kernel_providers() override { return kernel; }
    Outcome<std::vector<session::RefusedProgram>> refused_programs() override { return refused; }
    Outcome<session::BootConfiguration> configure_boot(const session::BootSession& asked) override {
        calls.push_back("configure " + asked.properties.name);
        configured = asked;
        if (failure) return *failure;
        return session::BootConfiguration{asked, "/etc/openetw/x.conf", "by hand"};
    }
    Outcome<session::BootConfiguration> remove_boot(const std::string& name) override {
        calls.push_back("remove " + name);
        if (failure) return *failure;
        session::BootSession left;
        left.properties.name = name;
        return session::BootConfiguration{left, "/etc/openetw/x.conf", "by hand"};
    }

private:
    Outcome<session::SessionStatus> answer(const char* call, const std::string& name) {
        calls.push_back(std::string(call) + " " + name);
        if (failure) return *failure;
        return status;
    }
    Outcome<session::EnableResult> answer(const char* call, const std::string& name, size_t count) {
        calls.push_back(std::string(call) + " " + name);
        if (failure) return *failure;
        session::EnableResult result{status, codes};
        result.codes.resize(count, Code::kOk);
        return result;
    }
};

}  // namespace etw::cli
