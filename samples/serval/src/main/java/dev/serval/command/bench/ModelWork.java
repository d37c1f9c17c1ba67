package dev.serval.command.bench;

import dev.serval.api.compute.DType;
import dev.serval.api.model.ModelSpec;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.StoredTensor;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What a model's steps take at least: every matrix multiplied with every row, the head and what
 * follows the last layer's keys and values with the rows whose logits are wanted, and weights and
 * cached keys and values read once a step.
 *
 * @param type how most of its matrices' bytes are stored
 * @param layerElements elements of its matrices but the head
 * @param layerBytes their bytes
 * @param lastElements of these, the last layer's, but for what makes keys and values
 * @param headElements elements of the head
 * @param headBytes its bytes
 * @param kvBytes bytes of keys and values of one token, over all layers
 */
public record ModelWork(
    DType type,
    long layerElements,
    long layerBytes,
    long lastElements,
    long headElements,
    long headBytes,
    long kvBytes) {
  private static final String EMBEDDINGS = "model.embed_tokens.weight";
  private static final String HEAD = "lm_head.weight";

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
            .filter(name -> !name.equals(EMBEDDINGS) && !name.equals(HEAD))
            .map(checkpoint::tensor)
            .filter(tensor -> tensor.shape().size() == 2)
            .toList();
    StoredTensor head =
        checkpoint.tensor(checkpoint.tensorNames().contains(HEAD) ? HEAD : EMBEDDINGS);
    String last = "model.layers.%d.".formatted(spec.layers() - 1);
    return new ModelWork(
        commonest(layers, head),
        layers.stream().mapToLong(StoredTensor::elements).sum(),
        layers.stream().mapToLong(tensor -> tensor.data().byteSize()).sum(),
        layers.stream()
            .filter(tensor -> tensor.name().startsWith(last) && !makesKeysOrValues(tensor))
            .mapToLong(StoredTensor::elements)
            .sum(),
        head.elements(),
        head.data().byteSize(),
        spec.kvLayout(1, kvType).blockBytes());
  }

  private static boolean makesKeysOrValues(StoredTensor tensor) {
    return tensor.name().contains("k_proj") || tensor.name().contains("v_proj");
  }

  private static DType commonest(List<StoredTensor> layers, StoredTensor head) {
    return layers.stream()
        .collect(
            Collectors.groupingBy(
                StoredTensor::dtype, Collectors.summingLong(tensor -> tensor.data().byteSize())))
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
    return 2.0 * (layerElements - lastElements) * rows
        + 2.0 * (lastElements + headElements) * logits;
  }

  /**
   * Bytes read in a step.
   *
   * @param context how many tokens lie in the cache, over all sequences
   * @return how many
   */
  double bytes(double context) {
    return layerBytes + headBytes + context * kvBytes;
  }
}
