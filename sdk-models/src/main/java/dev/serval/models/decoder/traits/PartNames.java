package dev.serval.models.decoder.traits;

/**
 * What some tensors are called, without {@code .weight} or {@code .bias}.
 *
 * @param outer those outside layers, but for the last norm
 * @param inputs the one map of queries, keys and values, within a layer, if there is one
 * @param output the map that attention ends with, within a layer
 * @param feedForward the maps of dense feed-forward layers
 * @param finalNorm the last norm
 * @param queryNorm the norm of queries, within a layer
 * @param keyNorm that of keys
 */
public record PartNames(
    OuterNames outer,
    String inputs,
    String output,
    MapNames feedForward,
    String finalNorm,
    String queryNorm,
    String keyNorm) {
  private static final String INPUTS = "self_attn.qkv_proj";

  /** As Llama's. */
  public static final PartNames USUAL = of("self_attn.o_proj", MapNames.of("mlp."), "model.norm");

  /** Norms of queries and keys are called as most are. */
  public static PartNames of(String output, MapNames feedForward, String finalNorm) {
    return of(output, feedForward, finalNorm, "self_attn.q_norm", "self_attn.k_norm");
  }

  /** Those outside layers are called as most are. */
  public static PartNames of(
      String output, MapNames feedForward, String finalNorm, String queryNorm, String keyNorm) {
    return new PartNames(
        OuterNames.USUAL, INPUTS, output, feedForward, finalNorm, queryNorm, keyNorm);
  }

  /** The same with other names in feed-forward layers. */
  public PartNames with(MapNames maps) {
    return new PartNames(outer, inputs, output, maps, finalNorm, queryNorm, keyNorm);
  }

  /** The same with other names outside layers, and of the one map for attention's inputs. */
  public PartNames with(OuterNames others, String qkv) {
    return new PartNames(others, qkv, output, feedForward, finalNorm, queryNorm, keyNorm);
  }
}
