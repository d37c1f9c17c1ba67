package dev.serval.gpu.compute;

import dev.serval.gpu.standin.NativeBuild;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The project's kernels, compiled for the processor from their own sources. */
final class HostKernels {
  private static final Path CUDA = Path.of("src", "main", "cuda").toAbsolutePath();
  private static final Path CPP = Path.of("src", "test", "cpp").toAbsolutePath();

  private HostKernels() {}

  /** A library with a table of kernels, as {@code host_kernels.h} says. */
  static Path library() {
    List<Path> inputs = new ArrayList<>(NativeBuild.sources(CUDA, ".cu"));
    inputs.add(CPP.resolve("cuda_host.cpp"));
    inputs.add(CPP.resolve("hopper_host.cpp"));
    List<String> command =
        new ArrayList<>(
            List.of(
                "g++",
                "-std=c++20",
                "-O2",
                "-fPIC",
                "-shared",
                "-DSERVAL_HOST",
                "-I",
                CPP.toString(),
                "-I",
                CUDA.toString(),
                "-o",
                "libserval_kernels_host.so",
                "-x",
                "c++"));
    inputs.forEach(input -> command.add(input.toString()));
    List<Path> all = new ArrayList<>(inputs);
    all.addAll(NativeBuild.sources(CUDA, ".h"));
    all.addAll(NativeBuild.sources(CUDA, ".cuh"));
    all.addAll(NativeBuild.sources(CPP, ".h"));
    return NativeBuild.made("kernels", all, List.of(command)).resolve("libserval_kernels_host.so");
  }
}
