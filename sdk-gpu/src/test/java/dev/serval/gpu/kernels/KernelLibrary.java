package dev.serval.gpu.kernels;

import dev.serval.gpu.standin.NativeBuild;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The project's kernels, compiled for the processor from their own sources. */
public final class KernelLibrary {
  private static final Path CUDA = Path.of("src", "main", "cuda").toAbsolutePath();
  private static final Path CPP = Path.of("src", "test", "cpp").toAbsolutePath();
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
          CUDA.toString());

  private KernelLibrary() {}

  /**
   * A library with a table of kernels, as {@code host_kernels.h} says.
   *
   * @return where it is
   */
  public static Path library() {
    return folder().resolve(LIBRARY);
  }

  /** The program that compares each kernel with a reference. */
  static Path cases() {
    return folder().resolve("kernels_test");
  }

  private static Path folder() {
    List<Path> kernels = NativeBuild.sources(CUDA, ".cu");
    List<Path> machine = List.of(CPP.resolve("cuda_host.cpp"), CPP.resolve("hopper_host.cpp"));
    List<Path> cases = List.of(CPP.resolve("kernels_test.cpp"), CPP.resolve("kernel_cases.cpp"));
    List<Path> inputs = new ArrayList<>(kernels);
    inputs.addAll(machine);
    inputs.addAll(cases);
    inputs.addAll(NativeBuild.sources(CUDA, ".h"));
    inputs.addAll(NativeBuild.sources(CUDA, ".cuh"));
    inputs.addAll(NativeBuild.sources(CPP, ".h"));
    List<String> library = command(machine, "-shared", "-o", LIBRARY);
    library.addAll(List.of("-x", "c++"));
    kernels.forEach(kernel -> library.add(kernel.toString()));
    List<String> program = command(cases, "-o", "kernels_test");
    program.addAll(List.of("-L.", "-lserval_kernels_host", "-Wl,-rpath,$ORIGIN"));
    return NativeBuild.made("kernels", inputs, List.of(library, program));
  }

  private static List<String> command(List<Path> sources, String... options) {
    List<String> command = new ArrayList<>(COMPILE);
    command.addAll(List.of(options));
    sources.forEach(source -> command.add(source.toString()));
    return command;
  }
}
