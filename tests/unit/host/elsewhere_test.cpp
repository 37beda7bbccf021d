#include "host/elsewhere.h"

#include "host/errands.h"
#include "host/in_time.h"

#include <gtest/gtest.h>

#include <fcntl.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace etw::host {
namespace {

using namespace std::chrono_literals;

// Threads that wait until the test lets them go on, as for a file system that does not answer.
class Elsewhere : public ::testing::Test {
protected:
    void TearDown() override {
        go_on();
        EXPECT_TRUE(all_done_elsewhere(60s));
    }
    void wait_for_answer() const { answered_.wait(); }
    void go_on() {
        if (!std::exchange(gone_on_, true)) answer_.set_value();
    }

    std::unique_ptr<EventLoop> loop_ = *EventLoop::create();

private:
    std::promise<void> answer_;
    std::shared_future<void> answered_ = answer_.get_future().share();
    bool gone_on_ = false;
};

TEST_F(Elsewhere, OneUserWhoseFilesHangTakesNoThreadFromAnother) {
    constexpr uid_t kOne = 1001;
    constexpr uid_t kOther = 1002;
    int hanging = 0;
    while (run_elsewhere(kOne, [this] { wait_for_answer(); })) ASSERT_LT(++hanging, 1000);
    EXPECT_GT(hanging, 0);
    EXPECT_EQ(run_elsewhere(kOne, [] {}).error().code, Code::kNoSystemResources);
    std::promise<void> ran;
    ASSERT_TRUE(run_elsewhere(kOther, [&] { ran.set_value(); }));
    ran.get_future().wait();
    EXPECT_FALSE(all_done_elsewhere(0ms));
    go_on();
    ASSERT_TRUE(all_done_elsewhere(60s));
    EXPECT_TRUE(run_elsewhere(kOne, [] {}));
}

TEST_F(Elsewhere, ErrandsAreRunOneAfterTheOtherInTheirOrder) {
    const auto errands = Errands::create(*loop_, 0);
    const auto main = std::this_thread::get_id();
    std::string steps;
    for (char name = 'a'; name <= 'c'; ++name) {
        errands->add({[&, name] {
                          EXPECT_EQ(std::this_thread::get_id(), main);
                          steps += {name, '1'};
                      },
                      [&, name] {
                          EXPECT_NE(std::this_thread::get_id(), main);
                          steps += {name, '2'};
                      },
                      [&, name](const Status& ran) {
                          EXPECT_TRUE(ran);
                          EXPECT_EQ(std::this_thread::get_id(), main);
                          steps += {name, '3'};
                          if (name == 'c') loop_->stop();
                      }});
    }
    loop_->run();
    EXPECT_EQ(steps, "a1a2a3b1b2b3c1c2c3");
}

TEST_F(Elsewhere, AnErrandMayAddOthersAndLetGoOfThemAll) {
    auto errands = Errands::create(*loop_, 0);
    std::string steps;
    errands->add({{}, {}, [&](const Status&) {
                      steps += "a";
                      errands->add({{},
                                    [] {},
                                    [&](const Status&) {
                                        steps += "c";
                                        errands = nullptr;
                                        loop_->stop();
                                    }});
                      steps += "b";
                  }});
    EXPECT_EQ(steps, "ab");
    loop_->run();
    EXPECT_EQ(steps, "abc");
    EXPECT_EQ(errands, nullptr);
}

TEST_F(Elsewhere, ErrandsThatAreGivenUpAreDoneWithoutBeingRun) {
    const auto errands = Errands::create(*loop_, 0);
    bool finished = false;
    errands->add({{},
                  [this] { wait_for_answer(); },
                  [&](const Status& ran) {
                      EXPECT_TRUE(ran);
                      finished = true;
                      loop_->stop();
                  }});
    bool given_up = false;
    errands->add({[] { ADD_FAILURE(); }, [] { ADD_FAILURE(); },
                  [&](const Status& ran) {
                      EXPECT_FALSE(ran);
                      given_up = true;
                  }});
    errands->give_up();
    EXPECT_TRUE(given_up);
    EXPECT_FALSE(finished);
    go_on();
    loop_->run();
    EXPECT_TRUE(finished);
}

TEST_F(Elsewhere, OthersSeeSinceWhenAnErrandHangs) {
    const auto errands = Errands::create(*loop_, 0);
    EXPECT_EQ(errands->unanswered(), 0ns);
    errands->add({{}, [this] { wait_for_answer(); }, [&](const Status&) { loop_->stop(); }});
    while (errands->unanswered() == 0ns) std::this_thread::yield();
    go_on();
    loop_->run();
    EXPECT_EQ(errands->unanswered(), 0ns);
}

TEST_F(Elsewhere, WhoAskedIsToldOnceThatTheLogHangs) {
    std::chrono::nanoseconds since = 0ns;
    std::vector<Code> codes;
    const auto answer = in_time<Ok>(
        *loop_, [&]() -> std::optional<std::chrono::nanoseconds> { return since; }, "x.etl",
        [&](const session::Outcome<Ok>& outcome) {
            codes.push_back(outcome ? Code::kOk : outcome.error().code);
            EXPECT_NE(outcome.error().detail.find("x.etl"), std::string::npos);
            loop_->stop();
        });
    since = kFilePatience;
    loop_->run();
    answer(Ok{});
    EXPECT_EQ(codes, std::vector<Code>{Code::kTimeout});
}

}  // namespace
}  // namespace etw::host
