package dev.serval.models.cpu;

import dev.serval.api.compute.KernelKind;
import dev.serval.models.cpu.vector.VectorTierSource;
import java.util.List;
import java.util.stream.Stream;

/** The tiers of kernels that this machine has, but for those that round their inputs. */
public final class Tiers {
  private Tiers() {}

  /** Their kinds. */
  public static List<KernelKind> here() {
    return Stream.of(new PlainTierSource(), new VectorTierSource(Processor.here()))
        .filter(tier -> tier.missing(Processor.here()).isEmpty())
        .map(KernelTierSource::kind)
        .toList();
  }
}
