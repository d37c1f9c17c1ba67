package dev.serval.storage.gguf.architecture;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * What the tensors say of the configuration. What is said of queries is so of layers that have any.
 *
 * @param vocabulary how many tokens the embedding table has
 * @param tied whether that table is also the head
 * @param attentionBias whether queries have a bias
 * @param keysApart whether what makes keys of what latent attention keeps is a map of its own
 * @param inputsTogether whether queries, keys and values are one map
 * @param headNorms whether queries have a norm
 * @param values which layers have a map that gives values
 * @param layerScales whether what layers give is multiplied by a number of theirs
 * @param expertsJoined whether each expert's gate and up are one map
 * @param attentionNorms whether attention has a norm beside the one of both halves
 * @param feedForwardNorms whether the feed-forward layers have one
 * @param mlpBias whether they have a bias
 * @param convolutionBias whether the convolutions before states have one
 * @param stateNorms whether what states give is normalised
 * @param divisors what the speed of each rotary pair is divided by, of any context
 * @param longDivisors the same of a context that is longer than the original
 * @param shortDivisors the same of one that is not
 */
public record WeightFacts(
    long vocabulary,
    boolean tied,
    boolean attentionBias,
    boolean keysApart,
    boolean inputsTogether,
    boolean headNorms,
    Set<Integer> values,
    boolean layerScales,
    boolean expertsJoined,
    boolean attentionNorms,
    boolean feedForwardNorms,
    boolean mlpBias,
    boolean convolutionBias,
    boolean stateNorms,
    Optional<List<Double>> divisors,
    Optional<List<Double>> longDivisors,
    Optional<List<Double>> shortDivisors) {
  private static final String FIRST = "blk.0.";

  /**
   * What tensors of these names say.
   *
   * @param vocabulary how many tokens there are
   * @param divisors the numbers of one that speeds are divided by, if it is there
   */
  public static WeightFacts of(
      Set<String> tensors, long vocabulary, Function<String, Optional<List<Double>>> divisors) {
    String attention = TensorNames.attentionLayer(tensors);
    return new WeightFacts(
        vocabulary,
        !tensors.contains(TensorNames.HEAD),
        tensors.contains(attention + "attn_q.bias")
            || tensors.contains(attention + "attn_qkv.bias"),
        tensors.contains(FIRST + "attn_k_b.weight"),
        tensors.contains(attention + "attn_qkv.weight"),
        tensors.contains(attention + "attn_q_norm.weight"),
        TensorNames.layersWith("attn_v", tensors),
        tensors.contains(FIRST + "layer_output_scale.weight"),
        tensors.contains(FIRST + "ffn_gate_up_exps.weight"),
        tensors.contains(FIRST + "attn_norm_2.weight"),
        tensors.contains(FIRST + "ffn_norm.weight"),
        tensors.contains(FIRST + "ffn_down.bias"),
        tensors.stream().anyMatch(name -> name.endsWith(TensorNames.CONVOLUTION_BIAS)),
        tensors.stream().anyMatch(name -> name.endsWith(TensorNames.STATE_NORM)),
        divisors.apply(TensorNames.ROTARY_DIVISORS),
        divisors.apply(TensorNames.LONG_DIVISORS),
        divisors.apply(TensorNames.SHORT_DIVISORS));
  }
}
