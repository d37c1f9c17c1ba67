package dev.serval.models.decoder.traits;

import java.util.Optional;

/**
 * Where attention and the feed-forward layer have norms, and what these are called within a layer,
 * without {@code .weight} or {@code .bias}.
 *
 * @param start at the start of both
 * @param end of what both add
 * @param beside whether both begin with what a layer begins with, and not one after the other
 */
public record BranchNorms(Optional<Names> start, Optional<Names> end, boolean beside) {
  private static final String INPUT = "input_layernorm";

  /** Called so in a model that has no norms of what attention adds. */
  private static final String AFTER_ATTENTION = "post_attention_layernorm";

  private static final Names ENDS = new Names(AFTER_ATTENTION, "post_feedforward_layernorm");

  /** At their start. */
  public static final BranchNorms START = start(INPUT, AFTER_ATTENTION);

  /** One for both, which begin with the same. */
  public static final BranchNorms ONE = one(INPUT);

  /** At their start, and of what they add. */
  public static final BranchNorms BOTH =
      new BranchNorms(
          Optional.of(new Names(INPUT, "pre_feedforward_layernorm")), Optional.of(ENDS), false);

  /** The same, under other names. */
  public static final BranchNorms BOTH_OF_GLM =
      new BranchNorms(
          START.start,
          Optional.of(new Names("post_self_attn_layernorm", "post_mlp_layernorm")),
          false);

  /** Of what they add alone. */
  public static final BranchNorms END = new BranchNorms(Optional.empty(), Optional.of(ENDS), false);

  /** At their start and of what they add, so called. */
  public static BranchNorms both(Names start, Names end) {
    return new BranchNorms(Optional.of(start), Optional.of(end), false);
  }

  /** At their start, so called. */
  public static BranchNorms start(String attention, String feedForward) {
    return new BranchNorms(Optional.of(new Names(attention, feedForward)), Optional.empty(), false);
  }

  /** One for both, so called. */
  public static BranchNorms one(String name) {
    return start(name, name).besides();
  }

  /** The same where both begin with what a layer begins with. */
  public BranchNorms besides() {
    return new BranchNorms(start, end, true);
  }

  /** Whether attention and the feed-forward layer begin with the same norm. */
  public boolean one() {
    return beside && start.filter(names -> names.attention.equals(names.feedForward)).isPresent();
  }

  /**
   * What norms are called.
   *
   * @param attention that of attention
   * @param feedForward that of the feed-forward layer
   */
  public record Names(String attention, String feedForward) {}
}
