package dev.serval.gpu.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A record of launches and copies that is given to a stream as a whole, by one call. */
public final class ExecutableGraph extends Handle {
  ExecutableGraph(Context context, long address) {
    super(context, address);
  }

  /**
   * Gives it to a stream.
   *
   * @param stream the stream
   */
  public void launch(Stream stream) {
    int code = context().calls().graphLaunch(address(), stream.address());
    if (code != Constants.CUDA_SUCCESS) {
      context().check(EntryPoint.GRAPH_LAUNCH, code);
    }
  }

  /**
   * Does what the first launch would have to do beforehand.
   *
   * @param stream the stream
   */
  public void upload(Stream stream) {
    context().call(EntryPoint.GRAPH_UPLOAD, address(), stream.address());
  }

  /**
   * Takes over another record's parameters, for launches from now on.
   *
   * @param graph a record of the same steps
   * @return false when the steps differ, and nothing was changed
   */
  public boolean update(Graph graph) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment info = arena.allocate(Structs.GRAPH_UPDATE_RESULT);
      int code =
          context().result(EntryPoint.GRAPH_UPDATE, address(), graph.address(), info.address());
      if (code == Constants.CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE) {
        return false;
      }
      context().check(EntryPoint.GRAPH_UPDATE, code);
      return true;
    }
  }

  @Override
  void release(long released) {
    context().release(EntryPoint.GRAPH_EXEC_DESTROY, released);
  }
}
