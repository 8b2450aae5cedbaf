// The Node add-on: one device in a process, its memory as an ArrayBuffer, and `execute` over it. Everything else is kernels/ and TypeScript.
//
// V8's own interface is used rather than Node-API because of one thing that only it can do: a watched block of memory is an ArrayBuffer with a
// deleter, so V8 counts its bytes, collects when they grow, and the deleter runs in synchronous loops too.
#include <node.h>
#include <v8.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernels.h"
#include "memory.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace {

using v8::ArrayBuffer;
using v8::BackingStore;
using v8::Context;
using v8::FunctionCallbackInfo;
using v8::Isolate;
using v8::Local;
using v8::Number;
using v8::Object;
using v8::String;
using v8::Value;

const KernelTable* kernels = nullptr;
unsigned char* memory = nullptr;
size_t memory_bytes = 0;

// Serial numbers of watched blocks that the collector has found dead. Deleters may run on V8's own threads.
std::mutex dead_lock;
std::vector<double>& dead() {
  static auto* list = new std::vector<double>;
  return *list;
}
// In the first page of the device's memory, which no instruction may use: how many serial numbers wait to be taken.
std::atomic<int>* dead_count() { return reinterpret_cast<std::atomic<int>*>(memory); }

Local<String> text(Isolate* isolate, const char* s) { return String::NewFromUtf8(isolate, s).ToLocalChecked(); }
double number(const FunctionCallbackInfo<Value>& info, int k) { return info[k].As<Number>()->Value(); }

void throw_error(Isolate* isolate, const char* message) { isolate->ThrowException(v8::Exception::Error(text(isolate, message))); }

// open(bytes, variant): picks the kernels (the best ones that this processor runs, or those of that name), reserves memory and gives { variant, buffer }.
void open(const FunctionCallbackInfo<Value>& info) {
  Isolate* isolate = info.GetIsolate();
  if (kernels != nullptr) return throw_error(isolate, "native: another thread of this process has the native device");
  const String::Utf8Value wanted(isolate, info[1]);
  const bool any = !info[1]->IsString();
  const KernelTable* chosen = nullptr;
  for (int i = 0; i < kernel_variant_count && chosen == nullptr; i++)
    if (kernel_variants[i].runs() && (any || std::string(*wanted) == kernel_variants[i].table->name)) chosen = kernel_variants[i].table;
  if (chosen == nullptr) return throw_error(isolate, "native: none of the kernels that were built run on this processor");
  memory = reserve_memory(static_cast<size_t>(number(info, 0)), memory_bytes);
  if (memory == nullptr) return throw_error(isolate, "native: the system gives no memory");
  kernels = chosen;
  kernels->set_memory(memory);
  new (memory) std::atomic<int>(0);
  // An empty deleter: the reservation stays for the life of the process and is not counted by the collector.
  std::unique_ptr<BackingStore> store = ArrayBuffer::NewBackingStore(memory, memory_bytes, BackingStore::EmptyDeleter, nullptr);
  Local<Context> context = isolate->GetCurrentContext();
  Local<Object> result = Object::New(isolate);
  result->Set(context, text(isolate, "variant"), text(isolate, kernels->name)).Check();
  result->Set(context, text(isolate, "buffer"), ArrayBuffer::New(isolate, std::move(store))).Check();
  info.GetReturnValue().Set(result);
}

// variants(): names of the kernels in this add-on that this processor runs, best one first.
void variants(const FunctionCallbackInfo<Value>& info) {
  Isolate* isolate = info.GetIsolate();
  Local<Context> context = isolate->GetCurrentContext();
  Local<v8::Array> names = v8::Array::New(isolate);
  for (int i = 0; i < kernel_variant_count; i++)
    if (kernel_variants[i].runs()) names->Set(context, names->Length(), text(isolate, kernel_variants[i].table->name)).Check();
  info.GetReturnValue().Set(names);
}

void execute(const FunctionCallbackInfo<Value>& info) { info.GetReturnValue().Set(kernels->execute(number(info, 0), number(info, 1))); }
void error_info(const FunctionCallbackInfo<Value>& info) { info.GetReturnValue().Set(kernels->error_info(static_cast<int>(number(info, 0)))); }
void conv_workspace(const FunctionCallbackInfo<Value>& info) { info.GetReturnValue().Set(kernels->conv_workspace(number(info, 0))); }
void pool_start(const FunctionCallbackInfo<Value>& info) { info.GetReturnValue().Set(kernels->pool_start(static_cast<int>(number(info, 0)))); }
void pool_ready(const FunctionCallbackInfo<Value>& info) { info.GetReturnValue().Set(kernels->pool_ready()); }

void note_dead(void*, size_t, void* serial) {
  const std::lock_guard<std::mutex> hold(dead_lock);
  dead().push_back(static_cast<double>(reinterpret_cast<uintptr_t>(serial)));
  dead_count()->fetch_add(1);
}

// watch(address, bytes, serial): an object that stands for the block; when the collector finds it dead, `serial` is among the next takeDead().
void watch(const FunctionCallbackInfo<Value>& info) {
  Isolate* isolate = info.GetIsolate();
  void* serial = reinterpret_cast<void*>(static_cast<uintptr_t>(number(info, 2)));
  unsigned char* at = memory + static_cast<size_t>(number(info, 0));
  info.GetReturnValue().Set(ArrayBuffer::New(isolate, ArrayBuffer::NewBackingStore(at, static_cast<size_t>(number(info, 1)), note_dead, serial)));
}

void take_dead(const FunctionCallbackInfo<Value>& info) {
  Isolate* isolate = info.GetIsolate();
  Local<Context> context = isolate->GetCurrentContext();
  std::vector<double> serials;
  {
    const std::lock_guard<std::mutex> hold(dead_lock);
    serials.swap(dead());
    dead_count()->store(0);
  }
  Local<v8::Array> list = v8::Array::New(isolate, static_cast<int>(serials.size()));
  for (size_t i = 0; i < serials.size(); i++) list->Set(context, static_cast<uint32_t>(i), Number::New(isolate, serials[i])).Check();
  info.GetReturnValue().Set(list);
}

#if defined(__SANITIZE_ADDRESS__)
// poison(address, bytes, on): in builds with the address sanitizer, memory that no tensor owns may not be touched.
void poison(const FunctionCallbackInfo<Value>& info) {
  unsigned char* at = memory + static_cast<size_t>(number(info, 0));
  const size_t bytes = static_cast<size_t>(number(info, 1));
  if (info[2]->BooleanValue(info.GetIsolate())) ASAN_POISON_MEMORY_REGION(at, bytes);
  else ASAN_UNPOISON_MEMORY_REGION(at, bytes);
}
#endif

void add(Local<Object> to, const char* name, v8::FunctionCallback f) { NODE_SET_METHOD(to, name, f); }

}  // namespace

NODE_MODULE_INIT() {
  (void)module;
  (void)context;
  add(exports, "open", open);
  add(exports, "variants", variants);
  add(exports, "execute", execute);
  add(exports, "errorInfo", error_info);
  add(exports, "convWorkspace", conv_workspace);
  add(exports, "poolStart", pool_start);
  add(exports, "poolReady", pool_ready);
  add(exports, "watch", watch);
  add(exports, "takeDead", take_dead);
#if defined(__SANITIZE_ADDRESS__)
  add(exports, "poison", poison);
#endif
}
