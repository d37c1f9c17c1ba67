package dev.serval.gpu.standin;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The kernels of {@code src/main/cuda}, compiled for the processor from the same sources. */
final class ProjectKernels {
  private static final Path CUDA = Path.of("src", "main", "cuda").toAbsolutePath();
  private static final Path CPP = Path.of("src", "test", "cpp").toAbsolutePath();
  private static final String LIBRARY = "libserval_kernels_host.so";

  private ProjectKernels() {}

  /** A library with a table of kernels, as {@code host_kernels.h} says. */
  static Path library() {
    List<Path> objects =
        Stream.concat(
                NativeBuild.sources(CUDA, ".cu").stream(),
                NativeBuild.sources(CPP, "_host.cpp").stream())
            .parallel()
            .map(ProjectKernels::object)
            .toList();
    List<String> link = new ArrayList<>(List.of("g++", "-shared", "-pthread", "-o", LIBRARY));
    objects.forEach(object -> link.add(object.toString()));
    return NativeBuild.made("kernels", objects, List.of(link)).resolve(LIBRARY);
  }

  private static Path object(Path source) {
    String object = source.getFileName() + ".o";
    List<Path> inputs = new ArrayList<>(List.of(source));
    inputs.addAll(NativeBuild.sources(CUDA, ".h"));
    inputs.addAll(NativeBuild.sources(CUDA, ".cuh"));
    inputs.addAll(NativeBuild.sources(CPP, "_host.h"));
    inputs.add(CPP.resolve("host_kernels.h"));
    List<String> command =
        List.of(
            "g++",
            "-std=c++20",
            "-O2",
            "-fPIC",
            "-DSERVAL_HOST",
            "-I",
            CPP.toString(),
            "-I",
            CUDA.toString(),
            "-c",
            "-o",
            object,
            "-x",
            "c++",
            source.toString());
    return NativeBuild.made("kernel-" + source.getFileName(), inputs, List.of(command))
        .resolve(object);
  }
}
