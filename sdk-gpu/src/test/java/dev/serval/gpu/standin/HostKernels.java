package dev.serval.gpu.standin;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The project's kernels, compiled for the processor from their own sources. */
public final class HostKernels {
  private static final Path CUDA = NativeBuild.MODULE.resolve("src/main/cuda");
  private static final Path CPP = NativeBuild.MODULE.resolve("src/test/cpp");
  private static final String LIBRARY = "libserval_kernels_host.so";
  private static final List<String> COMPILE =
      List.of(
          "g++",
          "-std=c++20",
          "-O2",
          "-march=native",
          "-ffp-contract=off",
          "-fPIC",
          "-DSERVAL_HOST",
          "-I",
          CPP.toString(),
          "-I",
          CUDA.toString(),
          "-x",
          "c++");

  private HostKernels() {}

  /**
   * A library with a table of kernels, as {@code host_kernels.h} says.
   *
   * @return where it is
   */
  public static Path library() {
    return folder().resolve(LIBRARY);
  }

  /**
   * The program that compares each kernel with a reference.
   *
   * @return where it is
   */
  public static Path cases() {
    return folder().resolve("kernels_test");
  }

  private static Path folder() {
    List<Path> library = objects(NativeBuild.sources(CUDA, ".cu"), in("cuda_host", "hopper_host"));
    List<Path> cases = objects(in("kernels_test", "kernel_cases"), List.of());
    List<Path> inputs = new ArrayList<>(library);
    inputs.addAll(cases);
    return NativeBuild.made(
        "kernels",
        inputs,
        List.of(
            linking(library, "-shared", "-pthread", "-o", LIBRARY),
            linking(
                cases,
                "-o",
                "kernels_test",
                "-L.",
                "-lserval_kernels_host",
                "-Wl,-rpath,$ORIGIN")));
  }

  private static List<Path> in(String... names) {
    return Stream.of(names).map(name -> CPP.resolve(name + ".cpp")).toList();
  }

  private static List<Path> objects(List<Path> some, List<Path> more) {
    return Stream.concat(some.stream(), more.stream())
        .parallel()
        .map(source -> NativeBuild.object(source, headers(), COMPILE))
        .toList();
  }

  private static List<Path> headers() {
    return Stream.of(
            NativeBuild.sources(CUDA, ".h"),
            NativeBuild.sources(CUDA, ".cuh"),
            NativeBuild.sources(CPP, ".h"))
        .flatMap(List::stream)
        .toList();
  }

  private static List<String> linking(List<Path> objects, String... options) {
    List<String> command = new ArrayList<>(List.of("g++"));
    objects.forEach(object -> command.add(object.toString()));
    command.addAll(List.of(options));
    return command;
  }
}
