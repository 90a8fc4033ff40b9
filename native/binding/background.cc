#include "binding/background.h"

#include <memory>
#include <optional>
#include <thread>

namespace pairloom::binding {
namespace {

struct Task {
  std::function<Result()> work;
  napi_deferred deferred = nullptr;
  napi_ref kept = nullptr;
  napi_threadsafe_function done = nullptr;
  std::thread thread;
  Result result;
  std::optional<Report> failure;
};

void execute(Task& task) {
  try {
    task.result = task.work();
  } catch (...) {
    task.failure = current_report();
  }
  task.work = nullptr;  // frees what it holds before completion is reported, because the caller may go on at once
  napi_call_threadsafe_function(task.done, &task, napi_tsfn_blocking);
}

void complete(napi_env env, napi_value, void*, void* data) {
  const std::unique_ptr<Task> task(static_cast<Task*>(data));
  task->thread.join();
  if (env == nullptr) return;  // Node is shutting down
  napi_delete_reference(env, task->kept);
  if (task->failure) napi_reject_deferred(env, task->deferred, make_error(env, *task->failure));
  else napi_resolve_deferred(env, task->deferred, task->result(env));
  napi_release_threadsafe_function(task->done, napi_tsfn_release);
}

}  // namespace

napi_value in_background(napi_env env, napi_value kept, std::function<Result()> work) {
  auto task = std::make_unique<Task>();
  task->work = std::move(work);
  ensure(napi_create_reference(env, kept, 1, &task->kept), "kept");
  napi_value promise = nullptr;
  ensure(napi_create_promise(env, &task->deferred, &promise), "promise");
  ensure(napi_create_threadsafe_function(env, nullptr, nullptr, make_text(env, "pairloom"), 0, 1, nullptr, nullptr,
                                         nullptr, complete, &task->done),
         "done");
  Task& running = *task.release();  // complete() takes ownership
  running.thread = std::thread([&running] { execute(running); });
  return promise;
}

}  // namespace pairloom::binding
