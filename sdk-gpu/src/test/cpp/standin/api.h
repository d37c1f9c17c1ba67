// How an exported function enters the machine, and how cuGetProcAddress knows it.
#pragma once

#include "machine.h"

#define EXPORTED extern "C" __attribute__((visibility("default")))

// The function of this name as of this version of the driver's interface.
#define PROCEDURE(base, version, symbol) \
  static const bool enlisted_##symbol##_##version = standin::enlist(#base, version, reinterpret_cast<void*>(&symbol));

namespace standin {

struct Procedure {
  const char* base;
  int version;
  void* address;
};

std::vector<Procedure>& procedures();
bool enlist(const char* base, int version, void* address);

enum class Need { NOTHING, DRIVER, CONTEXT, HEALTHY };

struct Entry {
  Machine& machine;
  Lock& lock;
  Context* context;
};

std::vector<Handle>& contextStack(); // of this thread
Context* currentContext(Machine& machine);
int admit(Machine& machine, const char* name, Need need, Context*& context);

template <class Body> int enter(const char* name, Need need, Body body) {
  Machine& machine = Machine::get();
  Lock lock(machine.mutex);
  Context* context = nullptr;
  if (int code = admit(machine, name, need, context)) return code;
  Entry entry{machine, lock, context};
  return body(entry);
}

// The code that calls give in a context that has failed.
int health(const Context* context);

Device* deviceOf(Machine& machine, int ordinal);
Stream* streamOf(Entry& entry, Handle handle);
void destroyContext(Entry& entry, Context* context);

// Refuses what must not be called while a stream is being captured.
int captureForbids(Entry& entry);

// Queues work, or notes it in the graph that is being captured.
int submit(Entry& entry, Stream* stream, Work work, SignalRef* signal = nullptr);

// A launch as work; checks its shape and takes its argument.
int kernelWork(Entry& entry, const LaunchConfiguration& launch, Handle function, void** parameters, void** extra, Work& work);

// A use of a handle that is not (or no longer) one.
int badHandle(Entry& entry, const char* what, Handle handle);

} // namespace standin
