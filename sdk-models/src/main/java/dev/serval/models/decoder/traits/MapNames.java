package dev.serval.models.decoder.traits;

import java.util.Optional;

/**
 * What the maps of a feed-forward layer are called within a layer, without {@code .weight} or
 * {@code .bias}.
 *
 * @param gateUp the one map for gates and ups, if a checkpoint has them so
 * @param gate that for gates
 * @param up that for ups, or for all that a layer without gates begins with
 * @param down that which the layer ends with
 */
public record MapNames(Optional<String> gateUp, String gate, String up, String down) {
  /** Under the usual names behind a prefix. */
  public static MapNames of(String prefix) {
    return apart(prefix + "gate_proj", prefix + "up_proj", prefix + "down_proj");
  }

  public static MapNames apart(String gate, String up, String down) {
    return new MapNames(Optional.empty(), gate, up, down);
  }

  /** Gates and ups are one map. */
  public static MapNames fused(String gateUp, String down) {
    return new MapNames(Optional.of(gateUp), gateUp, gateUp, down);
  }

  /** There are no gates. */
  public static MapNames ungated(String up, String down) {
    return apart(up, up, down);
  }
}
