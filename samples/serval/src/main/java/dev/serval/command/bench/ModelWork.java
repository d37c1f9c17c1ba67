package dev.serval.command.bench;

import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.DType;
import dev.serval.api.model.ModelSpec;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.StoredTensor;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What a model's steps take at least: every matrix multiplied with every row, the head and what
 * follows the last keys and values that are stored with the rows whose logits are wanted, and
 * weights and cached keys and values read once a step. Experts are multiplied with the rows that go
 * to them, and read if there are any, as many as would be if rows went to any of them alike.
 *
 * @param type how most of its matrices' bytes are stored
 * @param layers its matrices but the head and experts
 * @param experts those of all experts
 * @param used the share of experts to which a row goes
 * @param last those behind the last keys and values that are stored
 * @param head the head
 * @param kvBytes bytes of keys and values of one token, over all layers
 * @param stateBytes bytes of the states of one sequence, which each step reads and writes
 */
public record ModelWork(
    DType type,
    Size layers,
    Size experts,
    double used,
    Last last,
    Size head,
    long kvBytes,
    long stateBytes) {
  /**
   * How large matrices are.
   *
   * @param elements their elements
   * @param bytes their bytes
   */
  public record Size(long elements, long bytes) {
    static Size of(List<StoredTensor> tensors) {
      return new Size(
          tensors.stream().mapToLong(StoredTensor::elements).sum(),
          tensors.stream().mapToLong(StoredTensor::byteSize).sum());
    }
  }

  /**
   * Elements behind the last keys and values that are stored.
   *
   * @param others those of no expert
   * @param experts those of all experts
   */
  public record Last(long others, long experts) {}

  private static final String EMBEDDINGS = "model.embed_tokens.weight";
  private static final String HEAD = "lm_head.weight";

  /** Of no account beside the matrices. */
  private static final String CONVOLUTION = ".conv1d.";

  private static final Pattern LAYER = Pattern.compile("model\\.layers\\.(\\d{1,9})\\..*");

  /**
   * Adds up a checkpoint's matrices.
   *
   * @param checkpoint an open checkpoint
   * @param spec what it turned out to be
   * @param kvType how keys and values are kept
   * @return the sums
   */
  public static ModelWork of(Checkpoint checkpoint, ModelSpec spec, DType kvType) {
    List<StoredTensor> layers =
        checkpoint.tensorNames().stream()
            .filter(name -> isOfLayer(name, spec.layers()))
            .map(checkpoint::tensor)
            .filter(tensor -> tensor.shape().size() > 1 && !tensor.name().contains(CONVOLUTION))
            .toList();
    Map<Boolean, List<StoredTensor>> apart =
        layers.stream().collect(Collectors.partitioningBy(ModelWork::isExperts));
    List<StoredTensor> others = apart.getOrDefault(false, List.of());
    List<StoredTensor> experts = apart.getOrDefault(true, List.of());
    StoredTensor head =
        checkpoint.tensor(checkpoint.tensorNames().contains(HEAD) ? HEAD : EMBEDDINGS);
    KvLayout kv = spec.kvLayout(1, kvType);
    int last = spec.layers() - 1 - spec.sharingLayers();
    return new ModelWork(
        commonest(layers, head),
        Size.of(others),
        Size.of(experts),
        (double) spec.expertsUsed() / spec.experts(),
        new Last(lastElements(others, last), lastElements(experts, last)),
        Size.of(List.of(head)),
        kv.tokenBytes(),
        spec.states().sequenceBytes());
  }

  /** Layers behind the last predict further tokens, and are left out. */
  private static boolean isOfLayer(String tensor, int layers) {
    int layer = layer(tensor);
    return layer >= 0 && layer < layers;
  }

  private static int layer(String tensor) {
    Matcher layer = LAYER.matcher(tensor);
    return layer.matches() ? Integer.parseInt(layer.group(1)) : -1;
  }

  private static boolean isExperts(StoredTensor tensor) {
    return tensor.name().contains(".experts.") || tensor.shape().size() > 2;
  }

  private static long lastElements(List<StoredTensor> tensors, int last) {
    return tensors.stream()
        .filter(tensor -> {
          int layer = layer(tensor.name());
          return layer > last || (layer == last && !makesKeysOrValues(tensor));
        })
        .mapToLong(StoredTensor::elements)
        .sum();
  }

  private static boolean makesKeysOrValues(StoredTensor tensor) {
    return tensor.name().contains("k_proj") || tensor.name().contains("v_proj");
  }

  private static DType commonest(List<StoredTensor> layers, StoredTensor head) {
    return layers.stream()
        .collect(
            Collectors.groupingBy(
                StoredTensor::dtype, Collectors.summingLong(StoredTensor::byteSize)))
        .entrySet()
        .stream()
        .max(Comparator.comparingLong(Map.Entry::getValue))
        .map(Map.Entry::getKey)
        .orElse(head.dtype());
  }

  /**
   * Multiplications and additions of a step.
   *
   * @param rows its tokens
   * @param logits how many rows of logits are wanted
   * @return how many
   */
  double operations(int rows, int logits) {
    double all = layers.elements - last.others + used * (experts.elements - last.experts);
    double ends = last.others + used * last.experts + head.elements;
    return 2 * all * rows + 2 * ends * logits;
  }

  /**
   * Bytes read in a step, and those of states that are written.
   *
   * @param rows its tokens
   * @param sequences how many sequences they are of
   * @param context how many tokens lie in the cache, over all sequences
   * @return how many
   */
  double bytes(int rows, int sequences, double context) {
    double met = 1 - Math.pow(1 - used, rows);
    double states = 2.0 * sequences * stateBytes;
    return layers.bytes + met * experts.bytes + head.bytes + context * kvBytes + states;
  }
}
