package dev.serval.gpu.standin;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** The stand-in as a library: both names of the driver's libraries stand for one file. */
final class StandInLibrary {
  private static final Path SOURCES = Path.of("src", "test", "cpp", "standin").toAbsolutePath();
  private static final Path KERNELS_HEADER =
      Path.of("src", "test", "cpp", "host_kernels.h").toAbsolutePath();
  private static final String TEST_KERNELS = "test_kernels.cpp";
  private static final List<String> COMPILE =
      List.of("g++", "-std=c++20", "-O1", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra");

  private StandInLibrary() {}

  /** The folder with {@code libcuda.so.1}, {@code libnvidia-ml.so.1} and the tests' kernels. */
  static Path folder() {
    return linked("standin", List.of());
  }

  /** A folder of another library, which does not export these. */
  static Path without(List<String> hidden) {
    return linked("standin-without", hidden);
  }

  private static Path linked(String name, List<String> hidden) {
    Path objects = objects();
    Path map = versions(hidden);
    List<String> link = new ArrayList<>(List.of("g++", "-shared", "-o", "libcuda.so.1"));
    NativeBuild.sources(objects, ".o").stream()
        .map(Path::toString)
        .filter(object -> !object.endsWith("test_kernels.o"))
        .forEach(link::add);
    link.addAll(
        List.of(
            "-pthread",
            "-Wl,-z,nodelete",
            "-Wl,-soname,libserval-standin.so",
            "-Wl,--version-script=" + map));
    return NativeBuild.made(
        name,
        List.of(objects, map),
        List.of(
            link,
            List.of("ln", "-s", "libcuda.so.1", "libnvidia-ml.so.1"),
            List.of(
                "g++",
                "-shared",
                "-o",
                "libtest_kernels.so",
                objects.resolve("test_kernels.o").toString())));
  }

  private static Path objects() {
    List<Path> inputs = new ArrayList<>(NativeBuild.sources(SOURCES, ".cpp"));
    inputs.addAll(NativeBuild.sources(SOURCES, ".h"));
    inputs.add(KERNELS_HEADER);
    List<List<String>> recipe = new ArrayList<>();
    List<String> sources = new ArrayList<>(COMPILE);
    sources.add("-c");
    NativeBuild.sources(SOURCES, ".cpp").forEach(source -> sources.add(source.toString()));
    recipe.add(sources);
    return NativeBuild.made("standin-objects", inputs, recipe);
  }

  private static Path versions(List<String> hidden) {
    String local = hidden.stream().map(name -> "    " + name + ";\n").collect(Collectors.joining());
    String script = "{\n  global: cu*; nvml*; standin_*;\n  local:\n" + local + "    *;\n};\n";
    try {
      Path file =
          Path.of("target", "native", "exports-" + Integer.toHexString(script.hashCode()) + ".map");
      Files.createDirectories(file.getParent());
      Files.writeString(file, script);
      return file.toAbsolutePath();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The kernels of the stand-in's own tests. */
  static Path testKernels() {
    return folder().resolve("lib" + TEST_KERNELS.replace(".cpp", ".so"));
  }
}
