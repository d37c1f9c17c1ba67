package dev.serval.models.cpu;

import dev.serval.api.compute.KernelKind;
import dev.serval.models.cpu.generated.GeneratedTierSource;
import dev.serval.models.cpu.vector.VectorTierSource;
import java.util.List;
import java.util.stream.Stream;

/** The tiers of kernels that this machine has. */
public final class Tiers {
  private Tiers() {}

  /** The kinds of those that do not round their inputs. */
  public static List<KernelKind> here() {
    return kinds(Stream.of(new PlainTierSource(), new VectorTierSource(Processor.here())));
  }

  /** The kinds of all. */
  public static List<KernelKind> all() {
    KernelTierSource generated =
        new GeneratedTierSource(List.of(new PlainTierSource()), Processor.here());
    return Stream.concat(here().stream(), kinds(Stream.of(generated)).stream()).toList();
  }

  private static List<KernelKind> kinds(Stream<KernelTierSource> tiers) {
    return tiers
        .filter(tier -> tier.missing(Processor.here()).isEmpty())
        .map(KernelTierSource::kind)
        .toList();
  }
}
