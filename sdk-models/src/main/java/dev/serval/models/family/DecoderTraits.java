package dev.serval.models.family;

/**
 * What sets a family, or one of its models, apart from other decoder-only transformers.
 *
 * @param inputBias whether queries, keys and values have a bias
 * @param outputBias whether attention's output has a bias
 * @param mlpBias whether the feed-forward layer's three maps have a bias
 * @param headNorms whether each query and key head is normalised before it is turned
 * @param windows how far back each layer sees
 */
record DecoderTraits(
    boolean inputBias,
    boolean outputBias,
    boolean mlpBias,
    boolean headNorms,
    LayerWindows windows) {}
