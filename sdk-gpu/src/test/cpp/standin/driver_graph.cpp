// Capture of streams, graphs, and their replay.
#include "api.h"

#include <algorithm>

using namespace standin;

namespace {

// How the calling thread wants to be seen by captures of others: 0 global, 1 its own, 2 not at all.
int& threadMode() {
  thread_local int mode = 0;
  return mode;
}

Handle addNode(Entry& entry, Graph& graph, Work work, std::vector<Handle> after) {
  Handle handle = entry.machine.handle();
  graph.order.push_back(handle);
  graph.works.emplace(handle, std::move(work));
  graph.after[handle] = std::move(after);
  return handle;
}

std::shared_ptr<Graph> newGraph(Entry& entry) {
  auto graph = std::make_shared<Graph>();
  graph->handle = entry.machine.handle();
  graph->context = entry.context;
  return graph;
}

template <class Body> int withGraph(const char* name, Handle handle, Need need, Body body) {
  return enter(name, need, [&](Entry& entry) -> int {
    auto found = entry.machine.graphs.find(handle);
    return found == entry.machine.graphs.end() ? badHandle(entry, "graph", handle) : body(entry, *found->second);
  });
}

template <class Body> int withExecutable(const char* name, Handle handle, Need need, Body body) {
  return enter(name, need, [&](Entry& entry) -> int {
    auto found = entry.machine.executables.find(handle);
    return found == entry.machine.executables.end() ? badHandle(entry, "executable graph", handle) : body(entry, *found->second);
  });
}

Graph* graphOfNode(Machine& machine, Handle node) {
  for (auto& [handle, graph] : machine.graphs) {
    if (graph->works.contains(node)) return graph.get();
  }
  return nullptr;
}

std::shared_ptr<Program> compile(const Graph& graph) {
  auto program = std::make_shared<Program>();
  std::map<Handle, size_t> index;
  for (Handle handle : graph.order) {
    Program::Node node;
    node.handle = handle;
    node.work = graph.works.at(handle);
    for (Handle before : graph.after.at(handle)) node.after.push_back(index.at(before));
    index[handle] = program->nodes.size();
    program->nodes.push_back(std::move(node));
  }
  return program;
}

// Whether all nodes come before the nodes of the tail.
bool joined(const Graph& graph, const std::vector<Handle>& tail) {
  std::vector<Handle> open = tail;
  std::map<Handle, bool> seen;
  while (!open.empty()) {
    Handle node = open.back();
    open.pop_back();
    if (seen[node]) continue;
    seen[node] = true;
    for (Handle before : graph.after.at(node)) open.push_back(before);
  }
  return seen.size() == graph.order.size();
}

void endCapture(Capture& capture) {
  for (Stream* stream : capture.streams) {
    stream->capture = nullptr;
    stream->captureTail.clear();
  }
  capture.ended = true;
}

int instantiate(Entry& entry, Handle* handle, Handle graphHandle) {
  auto found = entry.machine.graphs.find(graphHandle);
  if (found == entry.machine.graphs.end()) return badHandle(entry, "graph", graphHandle);
  auto executable = std::make_shared<Executable>();
  executable->handle = entry.machine.handle();
  executable->context = entry.context;
  executable->program = compile(*found->second);
  entry.machine.executables[executable->handle] = executable;
  *handle = executable->handle;
  return SUCCESS;
}

bool sameTopology(const Program& a, const Program& b) {
  if (a.nodes.size() != b.nodes.size()) return false;
  for (size_t i = 0; i < a.nodes.size(); i++) {
    if (a.nodes[i].after != b.nodes[i].after) return false;
  }
  return true;
}

// What a graph may be changed into: the update's result, and the node that does not fit.
int updateResult(const Program& now, const Program& next, size_t& node) {
  node = 0;
  if (!sameTopology(now, next)) return 2;
  for (node = 0; node < now.nodes.size(); node++) {
    const Work &a = now.nodes[node].work, &b = next.nodes[node].work;
    if (a.kind != b.kind) return 3;
    if (a.kind == WorkKind::HOST && a.host == nullptr) return 5;
  }
  return 0;
}

int update(Entry& entry, Handle handle, Handle graphHandle, int& result, Handle& errorNode) {
  auto executable = entry.machine.executables.find(handle);
  auto graph = entry.machine.graphs.find(graphHandle);
  if (executable == entry.machine.executables.end()) return badHandle(entry, "executable graph", handle);
  if (graph == entry.machine.graphs.end()) return badHandle(entry, "graph", graphHandle);
  std::shared_ptr<Program> next = compile(*graph->second);
  size_t node;
  result = updateResult(*executable->second->program, *next, node);
  errorNode = result >= 3 ? next->nodes[node].handle : 0;
  if (result != 0) return GRAPH_EXEC_UPDATE_FAILURE;
  for (size_t i = 0; i < next->nodes.size(); i++) next->nodes[i].handle = executable->second->program->nodes[i].handle;
  executable->second->program = next; // launches that were given keep the one they had
  return SUCCESS;
}

int typeOf(const Work& work) {
  switch (work.kind) {
    case WorkKind::KERNEL: return 0;
    case WorkKind::COPY: return 1;
    case WorkKind::MEMSET: return 2;
    case WorkKind::HOST: return 3;
    default: return 5;
  }
}

LaunchConfiguration launchOf(const KernelNodeParameters& parameters) {
  return {parameters.gridX, parameters.gridY, parameters.gridZ, parameters.blockX, parameters.blockY, parameters.blockZ,
          parameters.sharedBytes, 0, nullptr, 0};
}

int setKernel(Handle handle, Handle node, const KernelNodeParameters* parameters) {
  return withExecutable("cuGraphExecKernelNodeSetParams", handle, Need::HEALTHY, [&](Entry& entry, Executable& executable) -> int {
    Work work;
    if (int code = kernelWork(entry, launchOf(*parameters), parameters->function, parameters->parameters, parameters->extra, work)) {
      return code;
    }
    auto changed = std::make_shared<Program>(*executable.program);
    for (Program::Node& other : changed->nodes) {
      if (other.handle != node) continue;
      if (other.work.kind != WorkKind::KERNEL) return INVALID_VALUE;
      other.work = std::move(work);
      executable.program = changed;
      return SUCCESS;
    }
    return INVALID_VALUE;
  });
}

int getKernel(Handle node, KernelNodeParameters* parameters, bool long_) {
  return enter("cuGraphKernelNodeGetParams", Need::HEALTHY, [&](Entry& entry) -> int {
    Graph* graph = graphOfNode(entry.machine, node);
    if (graph == nullptr) return INVALID_VALUE;
    const Work& work = graph->works.at(node);
    if (work.kind != WorkKind::KERNEL) return INVALID_VALUE;
    const Launch& launch = work.launch;
    parameters->function = launch.function->handle;
    unsigned* shape[] = {&parameters->gridX, &parameters->gridY, &parameters->gridZ};
    unsigned* block[] = {&parameters->blockX, &parameters->blockY, &parameters->blockZ};
    for (int i = 0; i < 3; i++) *shape[i] = launch.grid[i], *block[i] = launch.block[i];
    parameters->sharedBytes = launch.sharedBytes;
    thread_local void* argument;
    argument = const_cast<char*>(launch.argument.data());
    parameters->parameters = &argument;
    parameters->extra = nullptr;
    if (long_) parameters->kernel = 0, parameters->context = graph->context->handle;
    return SUCCESS;
  });
}

} // namespace

namespace standin {

int captureForbids(Entry& entry) {
  for (auto& [handle, stream] : entry.machine.streams) {
    Capture* capture = stream->capture.get();
    if (capture == nullptr || capture->mode == 2) continue;
    bool own = capture->thread == std::this_thread::get_id();
    bool forbids = own ? threadMode() != 2 : capture->mode == 0 && threadMode() == 0;
    if (!forbids) continue;
    capture->invalidated = true;
    return STREAM_CAPTURE_UNSUPPORTED;
  }
  return SUCCESS;
}

int submit(Entry& entry, Stream* stream, Work work, SignalRef* signal) {
  if (stream->capture == nullptr) {
    if (stream == entry.context->null.get()) {
      for (auto& [handle, other] : entry.machine.streams) {
        if (other->capture != nullptr && other->blocking() && other->context == entry.context) {
          other->capture->invalidated = true;
          return 906;
        }
      }
    }
    SignalRef made = entry.machine.enqueue(stream, std::move(work));
    if (signal != nullptr) *signal = made;
    return SUCCESS;
  }
  if (stream->capture->invalidated) return STREAM_CAPTURE_INVALIDATED;
  stream->captureTail = {addNode(entry, *stream->capture->graph, std::move(work), stream->captureTail)};
  return SUCCESS;
}

} // namespace standin

EXPORTED int cuStreamBeginCapture_v2(Handle handle, int mode) {
  return enter("cuStreamBeginCapture", Need::HEALTHY, [&](Entry& entry) -> int {
    if (mode < 0 || mode > 2) return INVALID_VALUE;
    if (handle == 0 || handle == 1) return STREAM_CAPTURE_UNSUPPORTED;
    Stream* stream = streamOf(entry, handle);
    if (stream == nullptr) return badHandle(entry, "stream", handle);
    if (stream->capture != nullptr) return ILLEGAL_STATE;
    auto capture = std::make_shared<Capture>();
    capture->id = entry.machine.handle();
    capture->graph = newGraph(entry);
    capture->origin = stream;
    capture->mode = mode;
    capture->thread = std::this_thread::get_id();
    capture->streams.push_back(stream);
    stream->capture = capture;
    stream->captureTail.clear();
    return SUCCESS;
  });
}
PROCEDURE(cuStreamBeginCapture, 10010, cuStreamBeginCapture_v2)

EXPORTED int cuStreamEndCapture(Handle handle, Handle* graph) {
  return enter("cuStreamEndCapture", Need::HEALTHY, [&](Entry& entry) -> int {
    Stream* stream = streamOf(entry, handle);
    if (stream == nullptr) return badHandle(entry, "stream", handle);
    std::shared_ptr<Capture> capture = stream->capture;
    if (graph != nullptr) *graph = 0;
    if (capture == nullptr) return ILLEGAL_STATE;
    if (capture->origin != stream) {
      capture->invalidated = true;
      return STREAM_CAPTURE_UNMATCHED;
    }
    if (capture->mode != 2 && capture->thread != std::this_thread::get_id()) return STREAM_CAPTURE_WRONG_THREAD;
    bool whole = joined(*capture->graph, stream->captureTail);
    endCapture(*capture);
    if (capture->invalidated) return STREAM_CAPTURE_INVALIDATED;
    if (!whole) return STREAM_CAPTURE_UNJOINED;
    entry.machine.graphs[capture->graph->handle] = capture->graph;
    if (graph != nullptr) *graph = capture->graph->handle;
    return SUCCESS;
  });
}
PROCEDURE(cuStreamEndCapture, 10000, cuStreamEndCapture)

EXPORTED int cuStreamIsCapturing(Handle handle, int* status) {
  return enter("cuStreamIsCapturing", Need::HEALTHY, [&](Entry& entry) -> int {
    Stream* stream = streamOf(entry, handle);
    if (stream == nullptr) return badHandle(entry, "stream", handle);
    *status = stream->capture == nullptr ? 0 : stream->capture->invalidated ? 2 : 1;
    return SUCCESS;
  });
}
PROCEDURE(cuStreamIsCapturing, 10000, cuStreamIsCapturing)

EXPORTED int cuStreamGetCaptureInfo_v2(Handle handle, int* status, uint64_t* id, Handle* graph, const Handle** after, size_t* count) {
  return enter("cuStreamGetCaptureInfo", Need::HEALTHY, [&](Entry& entry) -> int {
    Stream* stream = streamOf(entry, handle);
    if (stream == nullptr) return badHandle(entry, "stream", handle);
    Capture* capture = stream->capture.get();
    *status = capture == nullptr ? 0 : capture->invalidated ? 2 : 1;
    if (*status != 1) return SUCCESS;
    if (id != nullptr) *id = capture->id;
    if (graph != nullptr) *graph = capture->graph->handle;
    if (after != nullptr) *after = stream->captureTail.data();
    if (count != nullptr) *count = stream->captureTail.size();
    return SUCCESS;
  });
}
PROCEDURE(cuStreamGetCaptureInfo, 11030, cuStreamGetCaptureInfo_v2)

EXPORTED int cuThreadExchangeStreamCaptureMode(int* mode) {
  if (*mode < 0 || *mode > 2) return INVALID_VALUE;
  std::swap(*mode, threadMode());
  return SUCCESS;
}
PROCEDURE(cuThreadExchangeStreamCaptureMode, 10010, cuThreadExchangeStreamCaptureMode)

// -------------------------------------------------------------------------------------------------------------- graphs

EXPORTED int cuGraphCreate(Handle* graph, unsigned flags) {
  return enter("cuGraphCreate", Need::HEALTHY, [&](Entry& entry) -> int {
    if (flags != 0) return INVALID_VALUE;
    auto made = newGraph(entry);
    entry.machine.graphs[made->handle] = made;
    *graph = made->handle;
    return SUCCESS;
  });
}
PROCEDURE(cuGraphCreate, 10000, cuGraphCreate)

EXPORTED int cuGraphDestroy(Handle handle) {
  return withGraph("cuGraphDestroy", handle, Need::CONTEXT, [&](Entry& entry, Graph&) -> int {
    entry.machine.graphs.erase(handle);
    entry.machine.destroyed[handle] = "cuGraphDestroy";
    return health(entry.context);
  });
}
PROCEDURE(cuGraphDestroy, 10000, cuGraphDestroy)

EXPORTED int cuGraphGetNodes(Handle handle, Handle* nodes, size_t* count) {
  return withGraph("cuGraphGetNodes", handle, Need::HEALTHY, [&](Entry&, Graph& graph) -> int {
    if (nodes != nullptr) std::copy_n(graph.order.begin(), std::min(*count, graph.order.size()), nodes);
    *count = graph.order.size();
    return SUCCESS;
  });
}
PROCEDURE(cuGraphGetNodes, 10000, cuGraphGetNodes)

EXPORTED int cuGraphNodeGetType(Handle node, int* type) {
  return enter("cuGraphNodeGetType", Need::HEALTHY, [&](Entry& entry) -> int {
    Graph* graph = graphOfNode(entry.machine, node);
    if (graph == nullptr) return INVALID_VALUE;
    *type = typeOf(graph->works.at(node));
    return SUCCESS;
  });
}
PROCEDURE(cuGraphNodeGetType, 10000, cuGraphNodeGetType)

EXPORTED int cuGraphAddKernelNode_v2(Handle* node, Handle handle, const Handle* after, size_t count,
                                     const KernelNodeParameters* parameters) {
  return withGraph("cuGraphAddKernelNode", handle, Need::HEALTHY, [&](Entry& entry, Graph& graph) -> int {
    Work work;
    int code = kernelWork(entry, launchOf(*parameters), parameters->function, parameters->parameters, parameters->extra, work);
    if (code != SUCCESS) return code;
    for (size_t i = 0; i < count; i++) {
      if (!graph.works.contains(after[i])) return INVALID_VALUE;
    }
    *node = addNode(entry, graph, std::move(work), std::vector<Handle>(after, after + count));
    return SUCCESS;
  });
}
PROCEDURE(cuGraphAddKernelNode, 12000, cuGraphAddKernelNode_v2)

EXPORTED int cuGraphInstantiateWithFlags(Handle* executable, Handle graph, uint64_t) {
  return enter("cuGraphInstantiate", Need::HEALTHY, [&](Entry& entry) -> int { return instantiate(entry, executable, graph); });
}
PROCEDURE(cuGraphInstantiateWithFlags, 11040, cuGraphInstantiateWithFlags)
PROCEDURE(cuGraphInstantiate, 12000, cuGraphInstantiateWithFlags)

EXPORTED int cuGraphInstantiate_v2(Handle* executable, Handle graph, Handle* errorNode, char*, size_t) {
  if (errorNode != nullptr) *errorNode = 0;
  return enter("cuGraphInstantiate", Need::HEALTHY, [&](Entry& entry) -> int { return instantiate(entry, executable, graph); });
}
PROCEDURE(cuGraphInstantiate, 11000, cuGraphInstantiate_v2)

EXPORTED int cuGraphExecDestroy(Handle handle) {
  return withExecutable("cuGraphExecDestroy", handle, Need::CONTEXT, [&](Entry& entry, Executable&) -> int {
    entry.machine.executables.erase(handle);
    entry.machine.destroyed[handle] = "cuGraphExecDestroy";
    return health(entry.context);
  });
}
PROCEDURE(cuGraphExecDestroy, 10000, cuGraphExecDestroy)

EXPORTED int cuGraphUpload(Handle handle, Handle) {
  return withExecutable("cuGraphUpload", handle, Need::HEALTHY, [&](Entry&, Executable&) -> int { return SUCCESS; });
}
PROCEDURE(cuGraphUpload, 11010, cuGraphUpload)

EXPORTED int cuGraphLaunch(Handle handle, Handle streamHandle) {
  return withExecutable("cuGraphLaunch", handle, Need::HEALTHY, [&](Entry& entry, Executable& executable) -> int {
    Stream* stream = streamOf(entry, streamHandle);
    if (stream == nullptr) return badHandle(entry, "stream", streamHandle);
    if (stream->capture != nullptr) return NOT_SUPPORTED; // the module nests no graphs
    for (const Program::Node& node : executable.program->nodes) {
      for (const BlockRef& block : node.work.uses) {
        if (!block->freed && !block->freeing) continue;
        entry.machine.violation(std::string("cuGraphLaunch: ") + node.work.name + " uses " + entry.machine.describe(*block) +
                                ", which was released after the graph was made");
        return ILLEGAL_ADDRESS;
      }
    }
    Work work;
    work.kind = WorkKind::GRAPH;
    work.name = "cuGraphLaunch";
    work.program = executable.program;
    return submit(entry, stream, std::move(work));
  });
}
PROCEDURE(cuGraphLaunch, 10000, cuGraphLaunch)

EXPORTED int cuGraphExecUpdate_v2(Handle executable, Handle graph, UpdateResult* result) {
  return enter("cuGraphExecUpdate", Need::HEALTHY, [&](Entry& entry) -> int {
    *result = {};
    return update(entry, executable, graph, result->result, result->errorNode);
  });
}
PROCEDURE(cuGraphExecUpdate, 12000, cuGraphExecUpdate_v2)

EXPORTED int cuGraphExecUpdate(Handle executable, Handle graph, Handle* errorNode, int* result) {
  return enter("cuGraphExecUpdate", Need::HEALTHY,
               [&](Entry& entry) -> int { return update(entry, executable, graph, *result, *errorNode); });
}
PROCEDURE(cuGraphExecUpdate, 10020, cuGraphExecUpdate)

EXPORTED int cuGraphExecKernelNodeSetParams_v2(Handle executable, Handle node, const KernelNodeParameters* parameters) {
  return setKernel(executable, node, parameters);
}
PROCEDURE(cuGraphExecKernelNodeSetParams, 12000, cuGraphExecKernelNodeSetParams_v2)

EXPORTED int cuGraphExecKernelNodeSetParams(Handle executable, Handle node, const KernelNodeParameters* parameters) {
  return setKernel(executable, node, parameters);
}
PROCEDURE(cuGraphExecKernelNodeSetParams, 10010, cuGraphExecKernelNodeSetParams)

EXPORTED int cuGraphKernelNodeGetParams_v2(Handle node, KernelNodeParameters* parameters) { return getKernel(node, parameters, true); }
PROCEDURE(cuGraphKernelNodeGetParams, 12000, cuGraphKernelNodeGetParams_v2)

EXPORTED int cuGraphKernelNodeGetParams(Handle node, KernelNodeParameters* parameters) { return getKernel(node, parameters, false); }
PROCEDURE(cuGraphKernelNodeGetParams, 10000, cuGraphKernelNodeGetParams)
