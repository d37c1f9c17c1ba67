package dev.serval.models.decoder.traits;

import java.util.Optional;

/**
 * Several streams from layer to layer, of which each layer works on one and predicts and corrects
 * all (AltUp; Baykal et al., <a href="https://arxiv.org/abs/2301.13310">arXiv:2301.13310</a>).
 * Beside attention is a map of low rank (LAuReL; Menghani et al., <a
 * href="https://arxiv.org/abs/2411.07501">arXiv:2411.07501</a>).
 *
 * @param streams how many there are
 * @param active which of them layers work on
 * @param clip how large the weights of corrections may be, if that is limited
 * @param scaled whether layers take their own inputs by what is corrected times a vector
 * @param rank that of the map
 * @param together whether a checkpoint has the maps of all streams in one tensor
 */
public record AltUpTraits(
    int streams, int active, Optional<Double> clip, boolean scaled, int rank, boolean together) {
  /** By what a layer's input, and what attention and the map add, are divided. */
  public static final double DIVISOR = Math.sqrt(2);
}
