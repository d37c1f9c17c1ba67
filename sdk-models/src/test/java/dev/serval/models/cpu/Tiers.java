package dev.serval.models.cpu;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.serval.api.Bytes;
import dev.serval.api.compute.KernelKind;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.models.cpu.generated.GeneratedTierSource;
import dev.serval.models.cpu.generated.InstructionSet;
import dev.serval.models.cpu.plain.PlainTierSource;
import dev.serval.models.cpu.system.Processor;
import dev.serval.models.cpu.tier.KernelTierSource;
import dev.serval.models.cpu.vector.VectorTierSource;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Stream;

/** The tiers of kernels that this machine has. */
public final class Tiers {
  /** As Linux calls them. */
  private static final String BFLOAT_DOTS = "avx512_bf16";

  /** The processor as a device. */
  public static final Device CPU =
      new Device("cpu:0", DeviceKind.CPU, "test", Bytes.gibi(1), new TreeMap<>());

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

  /**
   * Aborts a test unless the tier has instructions for dot products of BF16. The reason is one that
   * whoever counts tests can look up.
   */
  public static void assumeBfloatDots(KernelTierSource generated) {
    Processor here = Processor.here();
    assumeTrue(here.features().contains(BFLOAT_DOTS), "the processor has no " + BFLOAT_DOTS);
    assumeTrue(
        InstructionSet.of(here.features()).filter(InstructionSet::bfloatDots).isPresent()
            && generated.missing(here).isEmpty());
  }

  private static List<KernelKind> kinds(Stream<KernelTierSource> tiers) {
    return tiers
        .filter(tier -> tier.missing(Processor.here()).isEmpty())
        .map(KernelTierSource::kind)
        .toList();
  }
}
