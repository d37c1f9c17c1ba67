package dev.serval.models.decoder.traits;

/** What a layer has that has one part. */
public enum LayerPart {
  /** What mixes tokens: attention, or what carries a state along. */
  MIXER,
  /** A feed-forward layer. */
  FEED_FORWARD
}
