#include "binding/executable.h"

#include <algorithm>
#include <memory>

#include "binding/background.h"
#include "binding/handle.h"
#include "binding/memory.h"
#include "binding/request.h"
#include "binding/translations.h"
#include "binding/world.h"
#include "cpu/device.h"

namespace pairloom::binding {
namespace {

struct Handle {
  std::vector<std::shared_ptr<ParameterStore>> parameters;  // which the executor uses in place
  std::shared_ptr<Executable> executor;
};

constexpr HandleKind kExecutable = {{0x7061697230756c6f, 0x6f6d2d6578656375}, "executable"};

std::shared_ptr<Executable> executor_of(napi_env env, napi_value value) {
  return value_of<Handle>(env, kExecutable, value).executor;
}

// Marks an executor as in use during its lifetime.
class Use {
 public:
  explicit Use(std::shared_ptr<Executable> executor) : executor_(std::move(executor)) {
    if (executor_->acquire()) return;
    executor_ = nullptr;
    throw Error({"the executable is running already", "run", "", "one run at a time",
                 "Wait for the current run, or compile the program again to run two at once."});
  }
  ~Use() {
    if (executor_) executor_->release();
  }
  Use(Use&&) = default;
  Executable& executor() const { return *executor_; }

 private:
  std::shared_ptr<Executable> executor_;
};

// A run on a thread of libuv's pool.
struct Job {
  Use use;
  Request request;
  napi_ref arrays = nullptr;
  napi_deferred deferred = nullptr;
  napi_async_work work = nullptr;
  uint64_t steps = 0;
  std::optional<Report> failure = std::nullopt;
};

void execute(napi_env, void* data) {
  Job& job = *static_cast<Job*>(data);
  try {
    job.steps = job.use.executor().run(std::move(job.request));
  } catch (...) {
    job.failure = current_report();
  }
}

void complete(napi_env env, napi_status, void* data) {
  const napi_deferred deferred = static_cast<Job*>(data)->deferred;
  std::unique_ptr<Job> job(static_cast<Job*>(data));
  napi_delete_reference(env, job->arrays);
  napi_delete_async_work(env, job->work);
  const std::optional<Report> failure = std::move(job->failure);
  const uint64_t steps = job->steps;
  job.reset();  // before completion is reported, because the caller may run again at once
  if (failure) napi_reject_deferred(env, deferred, make_error(env, *failure));
  else napi_resolve_deferred(env, deferred, make_number(env, double(steps)));
}

napi_value describe_inputs(napi_env env, const Program& program) {
  std::vector<napi_value> items;
  for (const Input& input : program.inputs) {
    napi_value item = nullptr;
    napi_create_object(env, &item);
    set(env, item, "name", make_text(env, input.name));
    set(env, item, "kind", make_text(env, dtype_name(input.dtype)));
    set(env, item, "width", make_number(env, input.width));
    napi_value masked = nullptr;
    napi_get_boolean(env, input.masked_below > 0, &masked);
    set(env, item, "masked", masked);
    items.push_back(item);
  }
  return make_array(env, items);
}

napi_value describe_outputs(napi_env env, const Program& program) {
  std::vector<napi_value> items;
  for (const Output& output : program.outputs) {
    napi_value item = nullptr;
    napi_create_object(env, &item);
    set(env, item, "name", make_text(env, output.name));
    set(env, item, "per", make_text(env, is_row(program.buffer(output.operand).space) ? "row" : "step"));
    set(env, item, "width", make_number(env, double(output.operand.size())));
    items.push_back(item);
  }
  return make_array(env, items);
}

napi_value describe_buffers(napi_env env, const Program& program, Space space) {
  std::vector<napi_value> items;
  for (uint32_t index : program.buffers_in(space)) items.push_back(make_text(env, program.buffers[index].name));
  return make_array(env, items);
}

napi_value describe_operand(napi_env env, const Program& program, const Operand& operand) {
  const Buffer& buffer = program.buffer(operand);
  napi_value item = nullptr;
  napi_create_object(env, &item);
  set(env, item, "space", make_text(env, space_name(buffer.space)));
  set(env, item, "dtype", make_text(env, dtype_name(buffer.dtype)));
  set(env, item, "name", make_text(env, buffer.name));
  std::vector<napi_value> dims;
  for (uint32_t i = 0; i < operand.ndims; ++i) dims.push_back(make_number(env, operand.dims[i]));
  set(env, item, "dims", make_array(env, dims));
  return item;
}

napi_value describe_instructions(napi_env env, const Program& program) {
  std::vector<napi_value> items;
  for (const Instruction& instruction : program.instructions) {
    napi_value item = nullptr;
    napi_create_object(env, &item);
    std::vector<napi_value> operands, attributes;
    for (const Operand& operand : instruction.operands) operands.push_back(describe_operand(env, program, operand));
    for (double attribute : instruction.attributes) attributes.push_back(make_number(env, attribute));
    set(env, item, "name", make_text(env, opcode_name(instruction.opcode)));
    set(env, item, "operands", make_array(env, operands));
    set(env, item, "attributes", make_array(env, attributes));
    items.push_back(item);
  }
  return make_array(env, items);
}

// Null for a process that trains alone.
std::shared_ptr<Communicator> ranks_of(napi_env env, napi_value world) {
  napi_valuetype type;
  ensure(napi_typeof(env, world, &type), "world");
  return type == napi_undefined ? nullptr : communicator_of(env, world);
}

// Ranks wait for one another, some of them perhaps in this process.
napi_value run_with_ranks(napi_env env, napi_value kept, Use use, Request request) {
  struct Run {
    Use use;
    Request request;
  };
  auto run = std::make_shared<Run>(Run{std::move(use), std::move(request)});
  return in_background(env, kept, [run]() -> Result {
    const uint64_t steps = run->use.executor().run(std::move(run->request));
    return [steps](napi_env made_in) { return make_number(made_in, double(steps)); };
  });
}

RequestValues request_values(const Arguments<6>& a) { return {a[1], a[2], a[3], a[4], a[5]}; }

}  // namespace

napi_value compile(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<5> arguments(env, info);
    const auto bytes = array_of<const uint8_t>(env, arguments[0], napi_uint8_array, "program");
    std::vector<std::shared_ptr<ParameterStore>> parameters;
    std::vector<ParameterMemory> memory;
    for (napi_value handle : elements(env, arguments[1], "parameters")) {
      parameters.push_back(parameter_of(env, handle));
      memory.push_back(parameters.back()->memory());
    }
    const uint32_t threads = whole32(number(env, arguments[2], "threads"), "threads");
    std::vector<std::shared_ptr<Translation>> translations;
    for (napi_value handle : elements(env, arguments[3], "translations"))
      translations.push_back(translation_of(env, handle));
    std::shared_ptr<Executable> executor =
        compile_for_cpu(decode(bytes), std::move(memory), threads, std::move(translations),
                        ranks_of(env, arguments[4]));
    const Program& program = executor->program();
    napi_value result = nullptr;
    napi_create_object(env, &result);
    set(env, result, "parameters", describe_buffers(env, program, Space::kParameter));
    set(env, result, "scalars", describe_buffers(env, program, Space::kScalar));
    set(env, result, "inputs", describe_inputs(env, program));
    set(env, result, "outputs", describe_outputs(env, program));
    set(env, result, "instructions", describe_instructions(env, program));
    set(env, result, "maxBatch", make_number(env, program.max_batch));
    set(env, result, "tileRows", make_number(env, program.tile_rows));
    set(env, result, "groups", make_number(env, program.groups));
    set(env, result, "handle", make_handle<Handle>(env, kExecutable, std::move(parameters), std::move(executor)));
    return result;
  });
}

napi_value run_sync(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<6> arguments(env, info);
    const Use use(executor_of(env, arguments[0]));
    return make_number(env, double(use.executor().run(read_request(env, request_values(arguments)))));
  });
}

napi_value run(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<6> arguments(env, info);
    const RequestValues values = request_values(arguments);
    const std::shared_ptr<Executable> executor = executor_of(env, arguments[0]);
    // Holds everything that the request points to, in our own array.
    std::vector<napi_value> kept = elements(env, values.arrays, "columns");
    for (napi_value output : elements(env, values.outputs, "outputs")) kept.push_back(output);
    kept.push_back(values.scalars);
    kept.push_back(arguments[0]);
    if (executor->waits_for_ranks()) {
      return run_with_ranks(env, make_array(env, kept), Use(executor), read_request(env, values));
    }
    auto job = std::make_unique<Job>(Job{Use(executor), read_request(env, values)});
    ensure(napi_create_reference(env, make_array(env, kept), 1, &job->arrays), "columns");
    napi_value promise = nullptr;
    ensure(napi_create_promise(env, &job->deferred, &promise), "run");
    ensure(
        napi_create_async_work(env, nullptr, make_text(env, "pairloom.run"), execute, complete, job.get(), &job->work),
        "run");
    ensure(napi_queue_async_work(env, job->work), "run");
    job.release();  // complete() takes ownership
    return promise;
  });
}

napi_value cancel(napi_env env, napi_callback_info info) {
  return guarded(env, [&] { executor_of(env, Arguments<1>(env, info)[0])->cancel(); });
}

napi_value enable_profile(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<2> arguments(env, info);
    bool on = false;
    ensure(napi_get_value_bool(env, arguments[1], &on), "on");
    const Use use(executor_of(env, arguments[0]));
    use.executor().enable_profile(on);
  });
}

napi_value profile(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Use use(executor_of(env, Arguments<1>(env, info)[0]));
    const std::vector<uint64_t> nanoseconds = use.executor().profile();
    return make_doubles(env, nanoseconds.size(), [&](size_t i) { return nanoseconds[i]; });
  });
}

}  // namespace pairloom::binding
