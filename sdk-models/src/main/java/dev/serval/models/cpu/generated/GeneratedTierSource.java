package dev.serval.models.cpu.generated;

import dev.serval.api.compute.KernelKind;
import dev.serval.api.compute.NumericsId;
import dev.serval.models.cpu.attention.AttentionKernel;
import dev.serval.models.cpu.block.StoredRows;
import dev.serval.models.cpu.system.Processor;
import dev.serval.models.cpu.system.SystemCalls;
import dev.serval.models.cpu.tier.KernelTier;
import dev.serval.models.cpu.tier.KernelTierSource;
import java.lang.System.Logger.Level;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * Machine code that is generated when it is needed, for matrices, and for attention where there are
 * dot products of BF16; what else there is to compute is left to another tier.
 */
public final class GeneratedTierSource implements KernelTierSource {
  private static final System.Logger LOG = System.getLogger(GeneratedTierSource.class.getName());
  private static final String ROUNDING = "cpu-generated-q8g32-1";
  private static final String ATTENTION = "-attention-2";

  private final List<KernelTierSource> others;
  private final Processor processor;
  private final BooleanSupplier tileRegisters;

  /**
   * A tier beside others.
   *
   * @param others the fastest first; the last of them runs everywhere
   * @param processor the one that code is generated for
   */
  public GeneratedTierSource(List<KernelTierSource> others, Processor processor) {
    this(others, processor, SystemCalls::requestTileRegisters);
  }

  /** The same, with another way to ask for tile registers. */
  GeneratedTierSource(
      List<KernelTierSource> others, Processor processor, BooleanSupplier tileRegisters) {
    this.others = List.copyOf(others);
    this.processor = processor;
    this.tileRegisters = tileRegisters;
  }

  @Override
  public KernelKind kind() {
    return KernelKind.GENERATED;
  }

  @Override
  public Optional<String> missing(Processor where) {
    if (InstructionSet.of(where.features()).isEmpty()) {
      List<String> lacking = where.without(InstructionSet.base().toArray(String[]::new));
      return Optional.of("the processor has no " + String.join(", ", lacking));
    }
    return refusal();
  }

  /** Tries whether the system lets code be generated. */
  private static Optional<String> refusal() {
    try {
      MachineCode.of(List.of(List.of(new Instruction.Return())));
      return Optional.empty();
    } catch (ExecutableMemoryException | IllegalCallerException e) {
      String message = Objects.requireNonNullElse(e.getMessage(), e.toString());
      LOG.log(Level.WARNING, "No code is generated: " + message);
      return Optional.of(message);
    }
  }

  @Override
  public long packedBytes(StoredRows rows) {
    InstructionSet set = InstructionSet.of(processor.features()).orElseThrow();
    return GeneratedLinearKernel.bytes(set, rows).orElseGet(() -> beside().packedBytes(rows));
  }

  private KernelTierSource beside() {
    return others.stream()
        .filter(other -> other.missing(processor).isEmpty())
        .findFirst()
        .orElseThrow();
  }

  @Override
  public KernelTier open(int workers) {
    InstructionSet set = InstructionSet.of(usable().features()).orElseThrow();
    KernelTier beside = beside().open(workers);
    Optional<AttentionCode> attention = attention(set);
    return new KernelTier(
        "generated code for %s beside %s".formatted(set, beside.name()),
        numerics(set, attention.isPresent(), beside.numerics()),
        new GeneratedLinearKernel(set, beside.linear()),
        attention
            .<AttentionKernel>map(
                code -> new GeneratedAttentionKernel(code, beside.attention(), workers))
            .orElse(beside.attention()),
        beside.activation(),
        beside.softcap(),
        beside.rows(),
        beside.recurrent(),
        new GeneratedPrefetch());
  }

  /** The processor, less the tile registers if Linux does not let this process have them. */
  private Processor usable() {
    boolean refused =
        InstructionSet.of(processor.features())
            .filter(InstructionSet::tileRegisters)
            .filter(set -> !tileRegisters.getAsBoolean())
            .isPresent();
    if (!refused) {
      return processor;
    }
    LOG.log(
        Level.WARNING,
        "Linux refuses this process the processor's tile registers (AMX), by arch_prctl;"
            + " matrices of BF16 are multiplied without them");
    return processor.less(InstructionSet.TILE_REGISTERS);
  }

  private static Optional<AttentionCode> attention(InstructionSet set) {
    try {
      return set.bfloatDots() ? Optional.of(AttentionCode.generate()) : Optional.empty();
    } catch (ExecutableMemoryException e) {
      LOG.log(Level.WARNING, "No generated code for attention: " + e.getMessage());
      return Optional.empty();
    }
  }

  private static NumericsId numerics(InstructionSet set, boolean attends, NumericsId beside) {
    String rounding =
        set.tileRegisters()
            ? ROUNDING + "-amx-bf16"
            : set.bfloatDots() ? ROUNDING + "-bf16" : ROUNDING;
    String attention = attends ? ATTENTION : "";
    return new NumericsId(rounding + attention + "+" + beside.value());
  }
}
