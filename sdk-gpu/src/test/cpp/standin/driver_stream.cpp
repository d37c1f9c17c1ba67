// Streams, events and functions of the host.
#include "api.h"

#include <algorithm>

using namespace standin;

namespace {

int newStream(const char* name, Handle* handle, unsigned flags, int priority) {
  return enter(name, Need::HEALTHY, [&](Entry& entry) -> int {
    if (handle == nullptr || flags > 1) return INVALID_VALUE;
    auto stream = std::make_shared<Stream>();
    stream->handle = entry.machine.handle();
    stream->number = ++entry.machine.nextStream;
    stream->context = entry.context;
    stream->flags = flags;
    stream->priority = std::clamp(priority, -5, 0);
    entry.machine.streams[stream->handle] = stream;
    *handle = stream->handle;
    return SUCCESS;
  });
}

template <class Body> int withStream(const char* name, Handle handle, Need need, Body body) {
  return enter(name, need, [&](Entry& entry) -> int {
    Stream* stream = streamOf(entry, handle);
    return stream == nullptr ? badHandle(entry, "stream", handle) : body(entry, *stream);
  });
}

template <class Body> int withEvent(const char* name, Handle handle, Need need, Body body) {
  return enter(name, need, [&](Entry& entry) -> int {
    auto found = entry.machine.events.find(handle);
    return found == entry.machine.events.end() ? badHandle(entry, "event", handle) : body(entry, *found->second);
  });
}

bool inCapture(const Event& event) { return event.capture != nullptr && !event.capture->ended; }

int record(Entry& entry, Event& event, Stream& stream) {
  if (event.context != stream.context) return INVALID_HANDLE;
  if (stream.capture != nullptr) {
    if (stream.capture->invalidated) return STREAM_CAPTURE_INVALIDATED;
    event.capture = stream.capture;
    event.captureTail = stream.captureTail;
    event.last = nullptr;
    return SUCCESS;
  }
  event.capture = nullptr;
  Work work;
  work.kind = WorkKind::RECORD;
  work.name = "cuEventRecord";
  event.last = entry.machine.enqueue(&stream, std::move(work));
  event.knows = stream.knows;
  event.knows.learn(stream.number, stream.lastSequence);
  return SUCCESS;
}

int invalidate(const std::shared_ptr<Capture>& capture, int code) {
  capture->invalidated = true;
  return code;
}

int waitInCapture(Event& event, Stream& stream) {
  if (stream.capture != nullptr) {
    if (!inCapture(event)) return invalidate(stream.capture, STREAM_CAPTURE_ISOLATION);
    if (event.capture != stream.capture) return invalidate(stream.capture, STREAM_CAPTURE_MERGE);
  } else {
    stream.capture = event.capture;
    stream.capture->streams.push_back(&stream);
    stream.captureTail.clear();
  }
  for (Handle node : event.captureTail) {
    auto& tail = stream.captureTail;
    if (std::find(tail.begin(), tail.end(), node) == tail.end()) tail.push_back(node);
  }
  return SUCCESS;
}

} // namespace

EXPORTED int cuStreamCreate(Handle* stream, unsigned flags) { return newStream("cuStreamCreate", stream, flags, 0); }
PROCEDURE(cuStreamCreate, 2000, cuStreamCreate)

EXPORTED int cuStreamCreateWithPriority(Handle* stream, unsigned flags, int priority) {
  return newStream("cuStreamCreateWithPriority", stream, flags, priority);
}
PROCEDURE(cuStreamCreateWithPriority, 5050, cuStreamCreateWithPriority)

EXPORTED int cuStreamDestroy_v2(Handle handle) {
  return enter("cuStreamDestroy", Need::CONTEXT, [&](Entry& entry) -> int {
    auto found = entry.machine.streams.find(handle);
    if (found == entry.machine.streams.end()) return badHandle(entry, "stream", handle);
    std::shared_ptr<Stream> stream = found->second;
    if (stream->capture != nullptr) {
      entry.machine.violation("cuStreamDestroy of a stream that is being captured");
      stream->capture->invalidated = true;
      std::erase(stream->capture->streams, stream.get());
    }
    entry.machine.streams.erase(found);
    entry.machine.destroyed[handle] = "cuStreamDestroy";
    entry.machine.forgetStream(stream.get());
    stream->destroyed = true;
    if (!stream->queue.empty()) entry.machine.ending.push_back(stream);
    return health(entry.context);
  });
}
PROCEDURE(cuStreamDestroy, 4000, cuStreamDestroy_v2)

EXPORTED int cuStreamSynchronize(Handle handle) {
  return withStream("cuStreamSynchronize", handle, Need::HEALTHY, [&](Entry& entry, Stream& stream) -> int {
    if (stream.capture != nullptr) return invalidate(stream.capture, STREAM_CAPTURE_UNSUPPORTED);
    Clock clock = stream.knows;
    clock.learn(stream.number, stream.lastSequence);
    if (int code = entry.machine.wait(entry.lock, entry.context, SignalRef(stream.last))) return code;
    entry.machine.hostLearns(clock);
    return SUCCESS;
  });
}
PROCEDURE(cuStreamSynchronize, 2000, cuStreamSynchronize)

EXPORTED int cuStreamQuery(Handle handle) {
  return withStream("cuStreamQuery", handle, Need::HEALTHY, [&](Entry& entry, Stream& stream) -> int {
    if (stream.capture != nullptr) return invalidate(stream.capture, STREAM_CAPTURE_UNSUPPORTED);
    SignalRef last = stream.last;
    if (last != nullptr && !last->done) entry.machine.nudge(entry.lock);
    if (int code = health(entry.context)) return code;
    if (last != nullptr && !last->done) return NOT_READY;
    if (last == stream.last) entry.machine.hostLearns(&stream);
    return SUCCESS;
  });
}
PROCEDURE(cuStreamQuery, 2000, cuStreamQuery)

EXPORTED int cuStreamWaitEvent(Handle handle, Handle eventHandle, unsigned flags) {
  return withStream("cuStreamWaitEvent", handle, Need::HEALTHY, [&](Entry& entry, Stream& stream) -> int {
    auto found = entry.machine.events.find(eventHandle);
    if (found == entry.machine.events.end()) return badHandle(entry, "event", eventHandle);
    if (flags > 1) return INVALID_VALUE;
    Event& event = *found->second;
    if (stream.capture != nullptr || inCapture(event)) return waitInCapture(event, stream);
    if (event.last == nullptr) return SUCCESS;
    Work work;
    work.kind = WorkKind::WAIT;
    work.name = "cuStreamWaitEvent";
    stream.knows.merge(event.knows);
    entry.machine.enqueue(&stream, std::move(work), {event.last});
    return SUCCESS;
  });
}
PROCEDURE(cuStreamWaitEvent, 3020, cuStreamWaitEvent)

EXPORTED int cuStreamGetFlags(Handle handle, unsigned* flags) {
  return withStream("cuStreamGetFlags", handle, Need::HEALTHY, [&](Entry&, Stream& stream) -> int {
    *flags = stream.flags;
    return SUCCESS;
  });
}
PROCEDURE(cuStreamGetFlags, 5050, cuStreamGetFlags)

EXPORTED int cuStreamGetPriority(Handle handle, int* priority) {
  return withStream("cuStreamGetPriority", handle, Need::HEALTHY, [&](Entry&, Stream& stream) -> int {
    *priority = stream.priority;
    return SUCCESS;
  });
}
PROCEDURE(cuStreamGetPriority, 5050, cuStreamGetPriority)

EXPORTED int cuStreamGetCtx(Handle handle, Handle* context) {
  return withStream("cuStreamGetCtx", handle, Need::HEALTHY, [&](Entry&, Stream& stream) -> int {
    *context = stream.context->handle;
    return SUCCESS;
  });
}
PROCEDURE(cuStreamGetCtx, 9020, cuStreamGetCtx)

EXPORTED int cuStreamGetId(Handle handle, uint64_t* id) {
  return withStream("cuStreamGetId", handle, Need::HEALTHY, [&](Entry&, Stream& stream) -> int {
    *id = stream.handle;
    return SUCCESS;
  });
}
PROCEDURE(cuStreamGetId, 12000, cuStreamGetId)

EXPORTED int cuLaunchHostFunc(Handle handle, HostFunction function, void* data) {
  return withStream("cuLaunchHostFunc", handle, Need::HEALTHY, [&](Entry& entry, Stream& stream) -> int {
    if (function == nullptr) return INVALID_VALUE;
    Work work;
    work.kind = WorkKind::HOST;
    work.name = "cuLaunchHostFunc";
    work.host = function;
    work.hostData = data;
    return submit(entry, &stream, std::move(work));
  });
}
PROCEDURE(cuLaunchHostFunc, 10000, cuLaunchHostFunc)

// -------------------------------------------------------------------------------------------------------------- events

EXPORTED int cuEventCreate(Handle* handle, unsigned flags) {
  return enter("cuEventCreate", Need::HEALTHY, [&](Entry& entry) -> int {
    if (handle == nullptr || flags > 7) return INVALID_VALUE;
    auto event = std::make_shared<Event>();
    event->handle = entry.machine.handle();
    event->context = entry.context;
    event->flags = flags;
    entry.machine.events[event->handle] = event;
    *handle = event->handle;
    return SUCCESS;
  });
}
PROCEDURE(cuEventCreate, 2000, cuEventCreate)

EXPORTED int cuEventDestroy_v2(Handle handle) {
  return withEvent("cuEventDestroy", handle, Need::CONTEXT, [&](Entry& entry, Event&) -> int {
    entry.machine.events.erase(handle);
    entry.machine.destroyed[handle] = "cuEventDestroy";
    return health(entry.context);
  });
}
PROCEDURE(cuEventDestroy, 4000, cuEventDestroy_v2)

EXPORTED int cuEventRecord(Handle handle, Handle streamHandle) {
  return withEvent("cuEventRecord", handle, Need::HEALTHY, [&](Entry& entry, Event& event) -> int {
    Stream* stream = streamOf(entry, streamHandle);
    return stream == nullptr ? badHandle(entry, "stream", streamHandle) : record(entry, event, *stream);
  });
}
PROCEDURE(cuEventRecord, 2000, cuEventRecord)

EXPORTED int cuEventRecordWithFlags(Handle handle, Handle stream, unsigned flags) {
  return flags > 1 ? int(INVALID_VALUE) : cuEventRecord(handle, stream);
}
PROCEDURE(cuEventRecordWithFlags, 11010, cuEventRecordWithFlags)

EXPORTED int cuEventQuery(Handle handle) {
  return withEvent("cuEventQuery", handle, Need::HEALTHY, [&](Entry& entry, Event& event) -> int {
    if (event.capture != nullptr) return CAPTURED_EVENT;
    SignalRef last = event.last;
    if (last != nullptr && !last->done) entry.machine.nudge(entry.lock);
    if (int code = health(entry.context)) return code;
    if (last != nullptr && !last->done) return NOT_READY;
    if (last == event.last) entry.machine.hostLearns(event.knows);
    return SUCCESS;
  });
}
PROCEDURE(cuEventQuery, 2000, cuEventQuery)

EXPORTED int cuEventSynchronize(Handle handle) {
  return withEvent("cuEventSynchronize", handle, Need::HEALTHY, [&](Entry& entry, Event& event) -> int {
    if (event.capture != nullptr) return CAPTURED_EVENT;
    Clock clock = event.knows;
    if (int code = entry.machine.wait(entry.lock, entry.context, SignalRef(event.last))) return code;
    entry.machine.hostLearns(clock);
    return SUCCESS;
  });
}
PROCEDURE(cuEventSynchronize, 2000, cuEventSynchronize)

EXPORTED int cuEventElapsedTime(float* milliseconds, Handle begin, Handle end) {
  return withEvent("cuEventElapsedTime", begin, Need::HEALTHY, [&](Entry& entry, Event& first) -> int {
    auto found = entry.machine.events.find(end);
    if (found == entry.machine.events.end()) return badHandle(entry, "event", end);
    Event& last = *found->second;
    if (first.last == nullptr || last.last == nullptr || ((first.flags | last.flags) & 2) != 0) return INVALID_HANDLE;
    if (!first.last->done || !last.last->done) return NOT_READY;
    *milliseconds = float(double(last.last->at - first.last->at) * 1e-6);
    return SUCCESS;
  });
}
PROCEDURE(cuEventElapsedTime, 2000, cuEventElapsedTime)

EXPORTED int cuEventElapsedTime_v2(float* milliseconds, Handle begin, Handle end) {
  return cuEventElapsedTime(milliseconds, begin, end);
}
PROCEDURE(cuEventElapsedTime, 12080, cuEventElapsedTime_v2)
