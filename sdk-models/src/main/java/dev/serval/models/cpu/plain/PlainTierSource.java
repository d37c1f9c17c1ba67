package dev.serval.models.cpu.plain;

import dev.serval.api.compute.KernelKind;
import dev.serval.api.compute.NumericsId;
import dev.serval.models.cpu.block.StoredRows;
import dev.serval.models.cpu.memory.Prefetch;
import dev.serval.models.cpu.system.Processor;
import dev.serval.models.cpu.tier.KernelTier;
import dev.serval.models.cpu.tier.KernelTierSource;
import java.util.Optional;

/** Plain Java: right on every machine, and what faster tiers are measured against. */
public final class PlainTierSource implements KernelTierSource {
  @Override
  public KernelKind kind() {
    return KernelKind.PLAIN;
  }

  @Override
  public Optional<String> missing(Processor processor) {
    return Optional.empty();
  }

  @Override
  public long packedBytes(StoredRows rows) {
    return PanelShape.of(rows, 1).bytes();
  }

  @Override
  public KernelTier open(int workers) {
    return new KernelTier(
        "plain Java",
        new NumericsId("cpu-java-3"),
        new PlainLinearKernel(workers),
        new PlainAttentionKernel(workers),
        new PlainActivationKernel(),
        new PlainSoftcapKernel(),
        new PlainRowKernel(),
        new PlainRecurrentKernel(),
        Prefetch.NONE);
  }
}
