package dev.serval.storage.gguf.architecture;

import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;

/**
 * Describes an architecture by what sets it apart. What is not said is as in most: halves of heads
 * turn, gates go through SiLU, norms are from the root mean square, usual fields say which maps
 * have biases, and there are neither windows nor experts.
 */
public final class Description {
  private static final Step NOTHING = (model, fields) -> {};

  private final String key;
  private final String model;
  private final String modelType;
  private final Map<String, String> ownNames = new HashMap<>();
  private final Set<String> translated = new HashSet<>();
  private String layers = "model.layers";
  private Map<String, String> expertNames = Map.of();
  private Positions positions = Positions.HALVES;
  private boolean positionsOfSeveralKinds;
  private String activation = "silu";
  private String epsilonKey = Keys.ROOT_NORM_EPSILON;
  private String epsilonField = "rms_norm_eps";
  private boolean saysBiases = true;
  private ToLongFunction<StoredModel> keyHeads = StoredModel::keyHeads;
  private ToLongFunction<StoredModel> width = StoredModel::width;
  private Step window = Windows::none;
  private Step experts = NOTHING;
  private Step own = NOTHING;

  private Description(String key, String model, String modelType) {
    this.key = key;
    this.model = model;
    this.modelType = modelType;
  }

  /**
   * Begins with names.
   *
   * @param key what its keys begin with
   * @param model what Hugging Face lists in {@code architectures}
   * @param modelType what Hugging Face calls {@code model_type}
   */
  public static Description of(String key, String model, String modelType) {
    return new Description(key, model, modelType);
  }

  /** The architectures that are described. */
  public static List<Architecture> all(Description... described) {
    return Stream.of(described).map(Description::architecture).toList();
  }

  /** What names of tensors in layers begin with there, before the layer's number. */
  public Description layers(String beginning) {
    layers = beginning;
    return this;
  }

  /**
   * What tensors are called there where others differ; later names take the place of earlier ones.
   */
  public Description names(Map<String, String> own) {
    ownNames.putAll(own);
    return this;
  }

  /** Keys that change results, and that a step translates. */
  public Description translates(String... keys) {
    return translates(Arrays.asList(keys));
  }

  public Description translates(Collection<String> keys) {
    translated.addAll(keys);
    return this;
  }

  /** What positions turn. */
  public Description positions(Positions kind) {
    positions = kind;
    return this;
  }

  /** Texts have the same position in every kind, of which it may say how many there are. */
  public Description positionsOfSeveralKinds() {
    positionsOfSeveralKinds = true;
    return this;
  }

  /**
   * What gates go through, or what is there in place of gates: where models of one architecture
   * have either GELU, that which llama.cpp takes, as files do not say.
   */
  public Description activation(String name) {
    activation = name;
    return this;
  }

  /** Norms are from the mean, and a field says what these add. */
  public Description centred(String field) {
    epsilonKey = Keys.NORM_EPSILON;
    return translates(epsilonKey).epsilonField(field);
  }

  /** Another field says what norms add. */
  public Description epsilonField(String field) {
    epsilonField = field;
    return this;
  }

  /** Its configurations have other fields for biases, or none. */
  public Description otherwiseBiased() {
    saysBiases = false;
    return this;
  }

  /** How many heads of keys and values a layer has, where a file does not say it plainly. */
  public Description keyHeads(ToLongFunction<StoredModel> heads) {
    keyHeads = heads;
    return this;
  }

  /** Other layers do something else, and have no heads of keys and values. */
  public Description attendsInSomeLayers() {
    return keyHeads(stored -> stored.attentionLayers().count());
  }

  /** How wide feed-forward layers are, where a file does not say it plainly. */
  public Description width(ToLongFunction<StoredModel> layersWidth) {
    width = layersWidth;
    return this;
  }

  /** There may be a window: a step of {@link Windows}, or one that takes such a step. */
  public Description window(Step step) {
    window = step;
    return this;
  }

  /**
   * There may be experts.
   *
   * @param names what each one's part of a tensor is called there
   * @param step what translates them
   * @param keys what is said of them beside how many there are
   */
  public Description experts(Map<String, String> names, Step step, String... keys) {
    expertNames = names;
    experts = step;
    return translates(Keys.EXPERTS, Keys.EXPERTS_USED).translates(keys);
  }

  /** What only this architecture has. */
  public Description own(Step step) {
    own = step;
    return this;
  }

  private Architecture architecture() {
    return new Architecture(
        key,
        model,
        modelType,
        layers,
        Map.copyOf(ownNames),
        expertNames,
        Set.copyOf(translated),
        positions,
        positionsOfSeveralKinds,
        activation,
        epsilonKey,
        epsilonField,
        saysBiases,
        keyHeads,
        width,
        window,
        experts,
        own);
  }
}
