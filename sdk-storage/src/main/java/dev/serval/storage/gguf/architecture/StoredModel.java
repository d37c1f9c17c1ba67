package dev.serval.storage.gguf.architecture;

import java.util.List;
import java.util.Optional;

/**
 * What a file says of its model, and the sizes that follow. Each is checked when it is asked for,
 * as not every model has every size.
 *
 * @param metadata the model's keys
 * @param weights what its tensors say
 */
public record StoredModel(ModelMetadata metadata, WeightFacts weights) {
  /** The tensors of further ones would have no names. */
  private static final long MOST_LAYERS = 1_000_000;

  /** All layers, those that predict further tokens among them. */
  public long storedLayers() {
    return metadata.requireNatural(Keys.LAYERS);
  }

  /** Those that predict further tokens come last, and are not among them. */
  public long layers() {
    long all = storedLayers();
    if (all > MOST_LAYERS) {
      throw metadata.problem(
          Keys.LAYERS, "is %d; there can be %d layers".formatted(all, MOST_LAYERS));
    }
    long drafts = draftLayers();
    if (drafts > 0 && drafts >= all) {
      throw metadata.problem(
          Keys.DRAFT_LAYERS, "is %d; it must be less than all %d".formatted(drafts, all));
    }
    return all - drafts;
  }

  public long draftLayers() {
    return metadata.natural(Keys.DRAFT_LAYERS).orElse(0L);
  }

  public long hidden() {
    return metadata.requireNatural(Keys.HIDDEN);
  }

  public long heads() {
    return metadata.requirePositive(Keys.HEADS);
  }

  /** How many heads of keys and values there are in each layer. */
  public long keyHeads() {
    return metadata.natural(Keys.KEY_HEADS).orElse(heads());
  }

  /** The layers that attend, where others do something else. */
  public SomeLayers attentionLayers() {
    return SomeLayers.read(metadata, Keys.KEY_HEADS, layers());
  }

  /** How wide the feed-forward layers are. */
  public long width() {
    return metadata.requireNatural(Keys.WIDTH);
  }

  /** The layers that are feed-forward layers, where others are something else. */
  public SomeLayers feedForwardLayers() {
    return SomeLayers.read(metadata, Keys.WIDTH, layers());
  }

  /** What each layer has of something, as a list says or one number for all. */
  public List<Long> ofEachLayer(String name) {
    return SomeLayers.numbers(metadata, name, layers());
  }

  /** The size of a head. */
  public long headDim() {
    Optional<Long> given = metadata.natural(Keys.KEY_LENGTH);
    if (given.isEmpty() && hidden() % heads() != 0) {
      throw metadata.problem(
          Keys.HIDDEN, "is %d, no multiple of %d heads".formatted(hidden(), heads()));
    }
    long headDim = given.orElse(hidden() / heads());
    long ofValues = metadata.natural(Keys.VALUE_LENGTH).orElse(headDim);
    if (ofValues != headDim) {
      throw metadata.problem(
          Keys.VALUE_LENGTH, "is %d; it must be the head's size, %d".formatted(ofValues, headDim));
    }
    return headDim;
  }

  /** What it says of its experts. */
  public Experts experts() {
    return new Experts(metadata);
  }
}
