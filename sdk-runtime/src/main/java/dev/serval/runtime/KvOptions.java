package dev.serval.runtime;

import dev.serval.api.Bytes;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.DType;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.model.ModelSpec;
import dev.serval.api.model.StepLimits;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What KV caches shall be like.
 *
 * @param budget the memory of each, or null for the default
 * @param dtype how keys and values are kept
 * @param blockTokens the tokens of a block; what suits each model if empty
 * @param reuse whether blocks computed before are found again
 * @param swap the host's memory for blocks of each that lies on another device
 */
record KvOptions(
    @Nullable Bytes budget, DType dtype, OptionalInt blockTokens, boolean reuse, Bytes swap) {
  private static final Set<DType> KEPT = Set.of(DType.F32, DType.F16, DType.BF16, DType.Q8_0);
  private static final long MOST = Bytes.gibi(4).count();

  static KvOptions conclude(ServingRuntimeBuilder b, Problems problems) {
    if (!KEPT.contains(b.kvDtype)) {
      problems.add(
          "kvDtype", "keys and values are kept in F32, F16, BF16 or Q8_0, not in " + b.kvDtype);
    }
    b.blockTokens.ifPresent(tokens -> problems.requireWithin("blockTokens", tokens, 1, 1024));
    if (b.kvBudget != null && b.kvBudget.count() == 0) {
      problems.add("kvBudget", "no model runs without any KV memory");
    }
    if (b.kvSwap.count() > 0 && !b.prefixCaching) {
      problems.add("kvSwap", "blocks that are moved come back by prefix caching, which is off");
    }
    return new KvOptions(b.kvBudget, b.kvDtype, b.blockTokens, b.prefixCaching, b.kvSwap);
  }

  /** How a model's blocks are laid out. */
  KvLayout layout(ModelSpec model) {
    return model.kvLayout(blockTokens.orElseGet(() -> model.usualBlockTokens(dtype)), dtype);
  }

  /** For how many blocks there is room beside the device. */
  int swapSlots(KvLayout layout) {
    return blocks(swap.count(), layout);
  }

  /**
   * How large a model's cache is to be.
   *
   * @param kind where it lies
   * @param layout how its blocks are laid out
   * @param contextLength the most tokens of a sequence
   * @param limits how many sequences run at most, and how much a step computes
   * @param free the device's memory that the weights leave free
   * @return the size and its reason
   */
  Size size(DeviceKind kind, KvLayout layout, int contextLength, StepLimits limits, Bytes free) {
    if (budget != null) {
      return new Size(blocks(budget.count(), layout), "of " + budget + " as configured");
    }
    int sharers = reuse ? 2 : 1;
    int running = limits.sequences();
    long each = layout.demand(limits.tokens()).blocks(contextLength) * layout.blockBytes();
    long useful = each * running * sharers;
    if (kind == DeviceKind.GPU) {
      long share = free.count() / 4 * 3;
      long bytes = Math.min(useful, share);
      String reason = "three quarters of the memory that the weights leave free";
      return new Size(blocks(bytes, layout), bytes == useful ? whole(running) : reason);
    }
    long share = free.count() / 4;
    long bytes = Math.min(useful, Math.min(share, MOST));
    return new Size(blocks(bytes, layout), reason(bytes, useful, share, running));
  }

  private static int blocks(long bytes, KvLayout layout) {
    return (int) Math.min(bytes / layout.blockBytes(), Integer.MAX_VALUE);
  }

  private String reason(long bytes, long useful, long share, int running) {
    if (bytes == useful) {
      return whole(running);
    }
    return bytes == share
        ? "a quarter of the memory that the weights leave free"
        : "the most that is taken unless configured";
  }

  private String whole(int running) {
    return "whole contexts of %d sequences%s"
        .formatted(running, reuse ? ", and as much again to be found" : "");
  }

  /**
   * How large a cache is.
   *
   * @param blocks how many blocks it has; perhaps none
   * @param reason why as many
   */
  record Size(int blocks, String reason) {}
}
