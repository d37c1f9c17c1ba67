package dev.serval.gpu.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Calls of the driver's functions. A function is linked when it is first called. What is called
 * once or now and then goes through {@link #call}; what a step calls has a method with its very
 * parameters, so that calling allocates nothing.
 *
 * <p>Safe for use by several threads.
 */
final class Calls {
  private static final long LONGEST_TEXT = 256;
  private static final String UNATTACHED = "is the calling thread attached to a context?";

  private final Map<EntryPoint, Link> links = new EnumMap<>(EntryPoint.class);

  /** Calls the functions at these addresses. */
  Calls(Map<EntryPoint, MemorySegment> addresses) {
    addresses.forEach((function, address) -> links.put(function, new Link(function, address)));
  }

  boolean has(EntryPoint function) {
    return links.containsKey(function);
  }

  /** Calls a function and throws what its result stands for. */
  void call(EntryPoint function, Object... arguments) {
    check(function, result(function, arguments));
  }

  /** Calls a function and gives its result. */
  int result(EntryPoint function, Object... arguments) {
    try {
      return (int) handle(function).invokeWithArguments(arguments);
    } catch (Throwable e) {
      throw unexpected(function, e);
    }
  }

  /** Throws what a result stands for. */
  void check(EntryPoint function, int code) {
    if (code != Constants.CUDA_SUCCESS) {
      throw failure(function, code, "");
    }
  }

  /** What a result stands for, with what else there is to say. */
  DriverException failure(EntryPoint function, int code, String detail) {
    String name = text(EntryPoint.ERROR_NAME, code).orElse("CUresult " + code);
    String meaning = text(EntryPoint.ERROR_TEXT, code).orElse("an error that it has no words for");
    String more = code == Constants.CUDA_ERROR_INVALID_CONTEXT ? UNATTACHED : detail;
    String sentence =
        "%s failed with %s (%d): %s%s"
            .formatted(function.symbol(), name, code, meaning, more.isEmpty() ? "" : "; " + more);
    if (code == Constants.CUDA_ERROR_OUT_OF_MEMORY) {
      return new OutOfDeviceMemoryException(function.symbol(), code, name, sentence);
    }
    return Constants.sticky(code)
        ? new DeviceLostException(function.symbol(), code, name, sentence)
        : new DriverException(function.symbol(), code, name, sentence);
  }

  private Optional<String> text(EntryPoint function, int code) {
    if (!has(function)) {
      return Optional.empty();
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
      if (result(function, code, out.address()) != Constants.CUDA_SUCCESS) {
        return Optional.empty();
      }
      MemorySegment text = out.get(ValueLayout.ADDRESS, 0);
      return text.address() == 0
          ? Optional.empty()
          : Optional.of(text.reinterpret(LONGEST_TEXT).getString(0));
    }
  }

  int setContext(long context) {
    try {
      return (int) handle(EntryPoint.CONTEXT_SET).invokeExact(context);
    } catch (Throwable e) {
      throw unexpected(EntryPoint.CONTEXT_SET, e);
    }
  }

  int allocate(long out, long bytes, long pool, long stream) {
    try {
      return (int) handle(EntryPoint.POOL_ALLOCATE).invokeExact(out, bytes, pool, stream);
    } catch (Throwable e) {
      throw unexpected(EntryPoint.POOL_ALLOCATE, e);
    }
  }

  int free(long memory, long stream) {
    try {
      return (int) handle(EntryPoint.POOL_FREE).invokeExact(memory, stream);
    } catch (Throwable e) {
      throw unexpected(EntryPoint.POOL_FREE, e);
    }
  }

  /** One of the three copies of a piece of memory. */
  int copy(EntryPoint direction, long target, long source, long bytes, long stream) {
    try {
      return (int) handle(direction).invokeExact(target, source, bytes, stream);
    } catch (Throwable e) {
      throw unexpected(direction, e);
    }
  }

  int copyBatch(
      long targets,
      long sources,
      long sizes,
      long count,
      long attributes,
      long attributeIndexes,
      long attributeCount,
      long failed,
      long stream) {
    try {
      return (int)
          handle(EntryPoint.COPY_BATCH)
              .invokeExact(
                  targets,
                  sources,
                  sizes,
                  count,
                  attributes,
                  attributeIndexes,
                  attributeCount,
                  failed,
                  stream);
    } catch (Throwable e) {
      throw unexpected(EntryPoint.COPY_BATCH, e);
    }
  }

  int fillBytes(long target, byte value, long count, long stream) {
    try {
      return (int) handle(EntryPoint.FILL_BYTES).invokeExact(target, value, count, stream);
    } catch (Throwable e) {
      throw unexpected(EntryPoint.FILL_BYTES, e);
    }
  }

  int fillWords(long target, int value, long count, long stream) {
    try {
      return (int) handle(EntryPoint.FILL_WORDS).invokeExact(target, value, count, stream);
    } catch (Throwable e) {
      throw unexpected(EntryPoint.FILL_WORDS, e);
    }
  }

  int streamQuery(long stream) {
    return one(EntryPoint.STREAM_QUERY, stream);
  }

  int streamSynchronize(long stream) {
    return one(EntryPoint.STREAM_SYNCHRONIZE, stream);
  }

  int streamWait(long stream, long event) {
    try {
      return (int) handle(EntryPoint.STREAM_WAIT).invokeExact(stream, event, 0);
    } catch (Throwable e) {
      throw unexpected(EntryPoint.STREAM_WAIT, e);
    }
  }

  int eventRecord(long event, long stream) {
    return two(EntryPoint.EVENT_RECORD, event, stream);
  }

  int eventQuery(long event) {
    return one(EntryPoint.EVENT_QUERY, event);
  }

  int eventSynchronize(long event) {
    return one(EntryPoint.EVENT_SYNCHRONIZE, event);
  }

  int graphLaunch(long graph, long stream) {
    return two(EntryPoint.GRAPH_LAUNCH, graph, stream);
  }

  int launch(long config, long function, long arguments) {
    try {
      return (int) handle(EntryPoint.LAUNCH_EXTENDED).invokeExact(config, function, arguments, 0L);
    } catch (Throwable e) {
      throw unexpected(EntryPoint.LAUNCH_EXTENDED, e);
    }
  }

  private int one(EntryPoint function, long argument) {
    try {
      return (int) handle(function).invokeExact(argument);
    } catch (Throwable e) {
      throw unexpected(function, e);
    }
  }

  private int two(EntryPoint function, long first, long second) {
    try {
      return (int) handle(function).invokeExact(first, second);
    } catch (Throwable e) {
      throw unexpected(function, e);
    }
  }

  private MethodHandle handle(EntryPoint function) {
    Link link = links.get(function);
    if (link == null) {
      throw new IllegalStateException("the driver has no " + function.symbol());
    }
    return link.handle();
  }

  private static IllegalStateException unexpected(EntryPoint function, Throwable e) {
    if (e instanceof Error error) {
      throw error;
    }
    return new IllegalStateException("the call of " + function.symbol() + " failed", e);
  }

  /** A function that the driver has, linked when it is first called. */
  private static final class Link {
    private final EntryPoint function;
    private final MemorySegment address;
    private @Nullable MethodHandle handle;

    Link(EntryPoint function, MemorySegment address) {
      this.function = function;
      this.address = address;
    }

    MethodHandle handle() {
      MethodHandle current = handle;
      if (current == null) {
        Linker.Option[] options =
            function.brief()
                ? new Linker.Option[] {Linker.Option.critical(false)}
                : new Linker.Option[0];
        current = Linker.nativeLinker().downcallHandle(address, function.type(), options);
        handle = current;
      }
      return current;
    }
  }
}
