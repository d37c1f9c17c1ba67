package dev.serval.gpu.file;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.gpu.driver.NativeLibrary;
import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Looks whether files can go to a device past the host's memory, by NVIDIA's cuFile. Where the
 * kernel lacks its module the library would copy through the host all the same, so it is not even
 * opened; and where it may do so without a word for files that it cannot serve (its compatibility
 * mode) it is not used, since nobody could tell which way the bytes went.
 */
public final class CuFileSearch {
  /** The library's name. */
  public static final String LIBRARY = "libcufile.so.0";

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

  /** The bit of the control flags that lets it copy through the host. */
  static final int ALLOW_COMPAT_MODE = 1 << 1;

  private static final Path MODULE = Path.of("proc", "driver", "nvidia-fs");

  private CuFileSearch() {}

  /** What is the case. */
  public sealed interface Outcome {
    /**
     * The case.
     *
     * @return a clause without a full stop
     */
    String finding();
  }

  /**
   * Files go to the device past the host's memory.
   *
   * @param library by which
   * @param finding what was found
   */
  public record Direct(CuFileLibrary library, String finding) implements Outcome {}

  /**
   * They do not.
   *
   * @param finding why
   */
  public record Indirect(String finding) implements Outcome {}

  /**
   * Looks where the system's loader looks, then at the usual places.
   *
   * @param root where {@code proc} is
   * @return what was found
   */
  public static Outcome system(Path root) {
    return NativeLibrary.find(LIBRARY)
        .map(library -> inspect(library, root))
        .orElseGet(() -> indirect("there is no " + LIBRARY));
  }

  /**
   * Takes the library at a path.
   *
   * @param library the library
   * @param root where {@code proc} is
   * @return what was found
   */
  public static Outcome at(Path library, Path root) {
    return NativeLibrary.at(library)
        .map(found -> inspect(found, root))
        .orElseGet(() -> indirect("there is no library at " + library));
  }

  private static Outcome indirect(String why) {
    return new Indirect("no GPUDirect for files: " + why);
  }

  private static Outcome inspect(NativeLibrary found, Path root) {
    if (!Files.isDirectory(root.resolve(MODULE))) {
      return indirect(found.name() + " is there, but the kernel's module nvidia-fs is not loaded");
    }
    try {
      return ask(CuFileLibrary.in(found));
    } catch (IllegalArgumentException e) {
      return indirect("%s is no cuFile, for it lacks %s".formatted(found.name(), e.getMessage()));
    }
  }

  private static Outcome ask(CuFileLibrary library) {
    int code = library.result(FileFunction.OPEN);
    if (code != CuFileLibrary.SUCCESS) {
      return indirect("%s does not open (CUfileOpError %d)".formatted(library.name(), code));
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment known = arena.allocate(PROPERTIES);
      code = library.result(FileFunction.PROPERTIES, known.address());
      return code == CuFileLibrary.SUCCESS
          ? judge(library, known)
          : indirect(
              "%s does not tell what it can do (CUfileOpError %d)".formatted(library.name(), code));
    } finally {
      library.close();
    }
  }

  /** Direct only where the kernel's module answers and has a kind of storage that it serves. */
  private static Outcome judge(CuFileLibrary library, MemorySegment known) {
    int version = number(known, "nvfs.major_version");
    if (version == 0 || number(known, "nvfs.dstatusflags") == 0) {
      return indirect(library.name() + " serves no storage of this machine directly");
    }
    if ((number(known, "nvfs.dcontrolflags") & ALLOW_COMPAT_MODE) != 0) {
      return indirect(
          ("%s may copy through the host's memory without a word (compatibility mode); it would be"
                  + " used with allow_compat_mode false in cufile.json, or with"
                  + " CUFILE_ALLOW_COMPAT_MODE=false")
              .formatted(library.name()));
    }
    return new Direct(
        library,
        "GPUDirect for files by %s (nvidia-fs %d.%d)"
            .formatted(library.name(), version, number(known, "nvfs.minor_version")));
  }

  private static int number(MemorySegment known, String field) {
    return known.get(JAVA_INT, PROPERTIES.byteOffset(PathElement.groupElement(field)));
  }
}
