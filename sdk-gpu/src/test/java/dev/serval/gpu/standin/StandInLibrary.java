package dev.serval.gpu.standin;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** The stand-in as a library: all names of NVIDIA's libraries stand for one file. */
final class StandInLibrary {
  private static final Path SOURCES = NativeBuild.MODULE.resolve("src/test/cpp/standin");
  private static final Path KERNELS_HEADER =
      NativeBuild.MODULE.resolve("src/test/cpp/host_kernels.h");
  private static final String TEST_KERNELS = "test_kernels";
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
    List<Path> objects =
        NativeBuild.sources(SOURCES, ".cpp").parallelStream().map(StandInLibrary::object).toList();
    Path map = versions(hidden);
    List<String> library = linking("libcuda.so.1");
    List<String> kernels = linking("lib" + TEST_KERNELS + ".so");
    for (Path object : objects) {
      boolean ofTests = object.endsWith(TEST_KERNELS + ".cpp.o");
      (ofTests ? kernels : library).add(object.toString());
    }
    library.addAll(
        List.of(
            "-pthread",
            "-Wl,-z,nodelete",
            "-Wl,-soname,libserval-standin.so",
            "-Wl,--version-script=" + map));
    List<Path> inputs = new ArrayList<>(objects);
    inputs.add(map);
    return NativeBuild.made(
        name,
        inputs,
        List.of(
            library,
            link("libnvidia-ml.so.1"),
            link("libcublasLt.so.13"),
            link("libcufile.so.0"),
            kernels));
  }

  private static List<String> link(String name) {
    return List.of("ln", "-s", "libcuda.so.1", name);
  }

  private static List<String> linking(String library) {
    return new ArrayList<>(List.of("g++", "-shared", "-o", library));
  }

  private static Path object(Path source) {
    List<Path> headers = new ArrayList<>(NativeBuild.sources(SOURCES, ".h"));
    headers.add(KERNELS_HEADER);
    return NativeBuild.object(source, headers, COMPILE);
  }

  private static Path versions(List<String> hidden) {
    String local = hidden.stream().map(name -> "    " + name + ";\n").collect(Collectors.joining());
    String script = "{\n  global: cu*; nvml*; standin_*;\n  local:\n" + local + "    *;\n};\n";
    try {
      Path file =
          NativeBuild.KEPT.resolve("exports-" + Integer.toHexString(script.hashCode()) + ".map");
      Files.createDirectories(file.getParent());
      Files.writeString(file, script);
      return file.toAbsolutePath();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The kernels of the stand-in's own tests. */
  static Path testKernels() {
    return folder().resolve("lib" + TEST_KERNELS + ".so");
  }
}
