package dev.serval.gpu.device;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.gpu.driver.NativeLibrary;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Whether files could go to a device past the host's memory, by NVIDIA's cuFile. Where the kernel
 * lacks its module the library would copy through the host all the same, so it is not even opened.
 */
final class CuFile {
  static final String LIBRARY = "libcufile.so.0";

  /** What an operation gives: two numbers in one register. */
  static final StructLayout ERROR =
      MemoryLayout.structLayout(JAVA_INT.withName("err"), JAVA_INT.withName("cu_err"))
          .withName("CUfileError_t");

  /** What the driver of files can do; of its end only the size counts. */
  static final StructLayout PROPERTIES =
      MemoryLayout.structLayout(
              JAVA_INT.withName("nvfs.major_version"),
              JAVA_INT.withName("nvfs.minor_version"),
              JAVA_LONG.withName("nvfs.poll_thresh_size"),
              JAVA_LONG.withName("nvfs.max_direct_io_size"),
              JAVA_INT.withName("nvfs.dstatusflags"),
              JAVA_INT.withName("nvfs.dcontrolflags"),
              MemoryLayout.sequenceLayout(32, JAVA_INT))
          .withName("CUfileDrvProps_t");

  private static final Path MODULE = Path.of("proc", "driver", "nvidia-fs");
  private static final int SUCCESS = 0;

  private CuFile() {}

  /** What is the case. */
  sealed interface State {
    /** The case in a clause without a full stop. */
    String finding();
  }

  /** Files go to the device past the host's memory. */
  record Direct(String finding) implements State {}

  /** They do not. */
  record Indirect(String finding) implements State {}

  /** Looks where the system's loader looks, then at the usual places. */
  static State system(Path root) {
    return NativeLibrary.find(LIBRARY)
        .map(library -> inspect(library, root))
        .orElseGet(() -> new Indirect("no GPUDirect for files: there is no " + LIBRARY));
  }

  /** Takes the library at a path. */
  static State at(Path library, Path root) {
    return NativeLibrary.at(library)
        .map(found -> inspect(found, root))
        .orElseGet(() -> new Indirect("no GPUDirect for files: there is no library at " + library));
  }

  private static State inspect(NativeLibrary library, Path root) {
    if (!Files.isDirectory(root.resolve(MODULE))) {
      return new Indirect(
          "no GPUDirect for files: %s is there, but the kernel's module nvidia-fs is not loaded"
              .formatted(library.name()));
    }
    Optional<MethodHandle> open =
        function(library, "cuFileDriverOpen", FunctionDescriptor.of(ERROR));
    Optional<MethodHandle> properties =
        function(library, "cuFileDriverGetProperties", FunctionDescriptor.of(ERROR, JAVA_LONG));
    Optional<MethodHandle> close =
        function(library, "cuFileDriverClose_v2", FunctionDescriptor.of(ERROR))
            .or(() -> function(library, "cuFileDriverClose", FunctionDescriptor.of(ERROR)));
    return open.isEmpty() || properties.isEmpty() || close.isEmpty()
        ? new Indirect(
            "no GPUDirect for files: %s is no cuFile, for it cannot be opened, asked or closed"
                .formatted(library.name()))
        : ask(library, open.get(), properties.get(), close.get());
  }

  private static Optional<MethodHandle> function(
      NativeLibrary library, String name, FunctionDescriptor type) {
    return library
        .symbols()
        .find(name)
        .map(address -> Linker.nativeLinker().downcallHandle(address, type));
  }

  private static State ask(
      NativeLibrary library, MethodHandle open, MethodHandle properties, MethodHandle close) {
    try (Arena arena = Arena.ofConfined()) {
      int code = code((MemorySegment) open.invokeWithArguments(arena));
      if (code != SUCCESS) {
        return new Indirect(
            "no GPUDirect for files: %s does not open (CUfileOpError %d)"
                .formatted(library.name(), code));
      }
      MemorySegment known = arena.allocate(PROPERTIES);
      code = code((MemorySegment) properties.invokeWithArguments(arena, known.address()));
      close.invokeWithArguments(arena);
      return code == SUCCESS
          ? judge(library, known)
          : new Indirect(
              "no GPUDirect for files: %s does not tell what it can do (CUfileOpError %d)"
                  .formatted(library.name(), code));
    } catch (Throwable e) {
      throw new IllegalStateException("a call of " + library.name() + " failed", e);
    }
  }

  private static int code(MemorySegment error) {
    return error.get(JAVA_INT, 0);
  }

  /** Direct only where the kernel's module answers and has a kind of storage that it serves. */
  private static State judge(NativeLibrary library, MemorySegment known) {
    int version = number(known, "nvfs.major_version");
    int storage = number(known, "nvfs.dstatusflags");
    if (version == 0 || storage == 0) {
      return new Indirect(
          "no GPUDirect for files: %s serves no storage of this machine directly"
              .formatted(library.name()));
    }
    return new Direct(
        "GPUDirect for files by %s (nvidia-fs %d.%d), which is not used yet"
            .formatted(library.name(), version, number(known, "nvfs.minor_version")));
  }

  private static int number(MemorySegment known, String field) {
    return known.get(JAVA_INT, PROPERTIES.byteOffset(PathElement.groupElement(field)));
  }
}
