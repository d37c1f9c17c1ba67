package dev.serval.gpu.driver;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** What a stream was given while it recorded. Not safe for use by several threads. */
public final class Graph extends Handle {
  Graph(Context context, long address) {
    super(context, address);
  }

  /**
   * Makes it ready to be launched.
   *
   * @return the graph, which no longer needs this one
   */
  public ExecutableGraph instantiate() {
    return new ExecutableGraph(
        context(), context().make(EntryPoint.GRAPH_INSTANTIATE, address(), 0L));
  }

  /**
   * How many kernels, copies and other steps it has.
   *
   * @return the number
   */
  public int size() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment count = arena.allocate(JAVA_LONG);
      context().call(EntryPoint.GRAPH_NODES, address(), 0L, count.address());
      return Math.toIntExact(count.get(JAVA_LONG, 0));
    }
  }

  @Override
  void release(long released) {
    context().release(EntryPoint.GRAPH_DESTROY, released);
  }
}
