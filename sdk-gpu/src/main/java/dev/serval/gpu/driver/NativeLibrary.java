package dev.serval.gpu.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A library of the system's that was loaded, for the rest of the process's life.
 *
 * @param name its path, or its name where the system's loader found it
 * @param symbols what is in it
 */
public record NativeLibrary(String name, SymbolLookup symbols) {
  /** Where distributions, containers and subsystems keep these, beside the loader's places. */
  private static final List<String> FOLDERS =
      List.of(
          "/usr/lib/x86_64-linux-gnu",
          "/usr/lib/aarch64-linux-gnu",
          "/usr/lib64",
          "/usr/lib/wsl/lib",
          "/usr/local/nvidia/lib64",
          "/run/opengl-driver/lib",
          "/usr/local/cuda/lib64");

  /**
   * Looks where the system's loader looks, then at the usual places.
   *
   * @param file the file's name, such as {@code libcuda.so.1}
   * @return the library, if it is there and can be loaded
   */
  public static Optional<NativeLibrary> find(String file) {
    try {
      return Optional.of(new NativeLibrary(file, SymbolLookup.libraryLookup(file, Arena.global())));
    } catch (IllegalArgumentException e) {
      return FOLDERS.stream()
          .map(folder -> Path.of(folder, file))
          .filter(Files::exists)
          .flatMap(path -> at(path).stream())
          .findFirst();
    }
  }

  /**
   * Takes the library at a path.
   *
   * @param path the file
   * @return the library, if it is there and can be loaded
   */
  public static Optional<NativeLibrary> at(Path path) {
    try {
      return Optional.of(
          new NativeLibrary(path.toString(), SymbolLookup.libraryLookup(path, Arena.global())));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  /**
   * What to say of a library that {@link #find} did not find.
   *
   * @param file the file's name
   * @return a clause
   */
  public static String notFound(String file) {
    return "%s is known neither to the system's loader nor found in %s"
        .formatted(file, String.join(", ", FOLDERS));
  }
}
