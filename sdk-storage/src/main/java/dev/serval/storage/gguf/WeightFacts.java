package dev.serval.storage.gguf;

import java.util.List;

/**
 * What the tensors say of the configuration.
 *
 * @param vocabulary how many tokens the embedding table has
 * @param tied whether that table is also the head
 * @param attentionBias whether queries have a bias
 * @param mlpBias whether the feed-forward layers have one
 * @param rotaryDivisors what the speed of each rotary pair is divided by; empty if by nothing
 */
record WeightFacts(
    long vocabulary,
    boolean tied,
    boolean attentionBias,
    boolean mlpBias,
    List<Double> rotaryDivisors) {}
