package dev.serval.storage.gguf.architecture;

import java.util.List;
import java.util.Optional;
import java.util.Set;

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
    Optional<List<Double>> shortDivisors) {}
