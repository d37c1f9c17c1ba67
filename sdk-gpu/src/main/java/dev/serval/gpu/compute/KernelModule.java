package dev.serval.gpu.compute;

import dev.serval.gpu.driver.Function;
import dev.serval.gpu.driver.Kernel;
import dev.serval.gpu.driver.Module;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The project's kernels as one module of a context: looks up each by its name once and prepares its
 * launch as {@code kernels.txt} says.
 */
final class KernelModule {
  private final Module module;
  private final Map<String, KernelSpec> specs;
  private final boolean programmatic;
  private final Arena arena;
  private final Map<String, Kernel> kernels = new HashMap<>();

  /**
   * Prepares launches.
   *
   * @param module the kernels
   * @param specs what is known of each
   * @param programmatic whether kernels may begin before those before them have ended
   * @param arena where launches live
   */
  KernelModule(Module module, Map<String, KernelSpec> specs, boolean programmatic, Arena arena) {
    this.module = module;
    this.specs = specs;
    this.programmatic = programmatic;
    this.arena = arena;
  }

  /** Whether there is a kernel of that name. */
  boolean has(String name) {
    return specs.containsKey(name);
  }

  /** The launch of a kernel, if there is one of that name. */
  Optional<Kernel> find(String name) {
    return has(name) ? Optional.of(kernel(name)) : Optional.empty();
  }

  /** The launch of the kernel for a type, if there is one. */
  Optional<Kernel> find(String name, Enum<?> type) {
    return find(name + type.name().toLowerCase(Locale.ROOT));
  }

  /** The launch of a kernel. */
  Kernel kernel(String name) {
    return kernel(name, 0);
  }

  /** Likewise, of which launches may ask for so much shared memory too. */
  Kernel kernel(String name, int sharedBytes) {
    return kernels.computeIfAbsent(name, each -> prepare(each, sharedBytes));
  }

  /** What is known of a kernel. */
  KernelSpec spec(String name) {
    KernelSpec spec = specs.get(name);
    if (spec == null) {
      throw new IllegalStateException("there is no kernel '%s'".formatted(name));
    }
    return spec;
  }

  private Kernel prepare(String name, int sharedBytes) {
    KernelSpec spec = spec(name);
    Function function = module.function(name);
    int most = Math.max(spec.sharedBytes(), sharedBytes);
    if (most > 0) {
      function.allowShared(most);
    }
    return function
        .kernel(spec.argument().size(), arena)
        .block(spec.threads(), 1, 1)
        .shared(spec.sharedBytes())
        .programmatic(programmatic);
  }
}
