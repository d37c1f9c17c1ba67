package dev.serval.models.cpu.vector;

import dev.serval.api.compute.KernelKind;
import dev.serval.api.compute.NumericsId;
import dev.serval.models.cpu.block.StoredRows;
import dev.serval.models.cpu.memory.Prefetch;
import dev.serval.models.cpu.plain.PlainRecurrentKernel;
import dev.serval.models.cpu.plain.PlainRowKernel;
import dev.serval.models.cpu.system.Processor;
import dev.serval.models.cpu.tier.KernelTier;
import dev.serval.models.cpu.tier.KernelTierSource;
import java.util.List;
import java.util.Optional;

/** The Vector API on processors with vectors of at least 256 bits and fused multiplication. */
public final class VectorTierSource implements KernelTierSource {
  private static final String MODULE = "jdk.incubator.vector";
  private static final int LEAST_BITS = 256;

  private final Processor processor;

  /**
   * For a processor.
   *
   * @param processor what it can do
   */
  public VectorTierSource(Processor processor) {
    this.processor = processor;
  }

  @Override
  public KernelKind kind() {
    return KernelKind.VECTOR;
  }

  @Override
  public Optional<String> missing(Processor where) {
    if (ModuleLayer.boot().findModule(MODULE).isEmpty()) {
      return Optional.of(
          "the module %1$s is missing: start Java with --add-modules %1$s".formatted(MODULE));
    }
    List<String> lacking = where.without("avx2", "fma");
    if (!lacking.isEmpty()) {
      return Optional.of("the processor does not report " + String.join(" and ", lacking));
    }
    return Lanes.BITS < LEAST_BITS
        ? Optional.of("this JVM uses vectors of %d bits".formatted(Lanes.BITS))
        : Optional.empty();
  }

  @Override
  public long packedBytes(StoredRows rows) {
    return VectorLinearKernel.bytes(rows);
  }

  /**
   * Whether weights that a few rows share are fetched before they are multiplied. A Zen 5
   * multiplies faster than it looks ahead; a Zen 4 looks ahead by itself, and others are taken to
   * be like it.
   */
  private boolean fetchesFirst() {
    return processor.without("avx512f", "avx_vnni").isEmpty();
  }

  @Override
  public KernelTier open(int workers) {
    return new KernelTier(
        "Vector API with %d bits".formatted(Lanes.BITS),
        new NumericsId("cpu-vector-4"),
        new VectorLinearKernel(workers, fetchesFirst()),
        new VectorAttentionKernel(workers),
        new VectorActivationKernel(workers),
        new VectorSoftcapKernel(workers),
        new VectorRowKernel(new PlainRowKernel()),
        new VectorRecurrentKernel(new PlainRecurrentKernel(), workers),
        Prefetch.NONE);
  }
}
