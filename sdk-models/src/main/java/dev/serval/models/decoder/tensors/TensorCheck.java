package dev.serval.models.decoder.tensors;

import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.StoredTensor;
import dev.serval.models.decoder.traits.DecoderShape;
import dev.serval.models.decoder.traits.LatentTraits;
import java.util.HashSet;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Compares the tensors that a model needs with those that a checkpoint has, and counts them. */
public final class TensorCheck {
  /** Buffers that old checkpoints carry; they are computed from the configuration. */
  private static final Pattern RECOMPUTED =
      Pattern.compile(".*rotary_emb\\.inv_freq|.*\\.(attn|attention)\\.(bias|masked_bias)");

  /** What predicts further tokens where it is not a layer behind the last. */
  private static final Pattern DRAFTS = Pattern.compile("(model\\.mtp_|mtp\\.).*");

  private static final Pattern LAYER = Pattern.compile("model\\.layers\\.(\\d{1,6})\\..*");
  private static final Pattern STORED =
      Pattern.compile("model\\.layers\\.(\\d{1,6})\\.self_attn\\.(k_proj|v_proj|k_norm)\\.weight");

  private static final int SHOWN = 5;

  private final Checkpoint checkpoint;
  private final Set<String> needed = new HashSet<>();
  private long elements;
  private long bytes;

  public TensorCheck(Checkpoint checkpoint) {
    this.checkpoint = checkpoint;
  }

  /** Checks all of a model's tensors. */
  public void check(DecoderTensors tensors, String family) {
    tensors.all().forEach(needs -> needs.forEach(this::one));
    if (tensors.shape().tied()) {
      String head = tensors.shape().traits().names().outer().head() + ".weight";
      checkTiedHead(head, tensors.embeddings().getFirst());
    }
    refuseSurplus(tensors.shape(), family);
  }

  private void one(TensorNeed need) {
    if (!checkpoint.tensorNames().contains(need.name())) {
      throw refuse(
          need.name(),
          "missing",
          "shape %s; the checkpoint has %s"
              .formatted(need.shape(), some(checkpoint.tensorNames())));
    }
    StoredTensor tensor = checkpoint.tensor(need.name());
    if (!need.fits(tensor)) {
      throw refuse(
          need.name(), "of shape " + tensor.shape(), need.shape() + ", as the configuration says");
    }
    if (need.reading() != TensorNeed.Reading.WHOLE && tensor.dtype().blockElements() > 1) {
      throw refuse(need.name(), "of type " + tensor.dtype(), "F32, F16 or BF16");
    }
    if (needed.add(need.name())) {
      elements += tensor.elements();
      bytes += tensor.byteSize();
    }
  }

  /** A tied head may be stored once more, if it is the same. */
  private void checkTiedHead(String head, TensorNeed embeddings) {
    if (!checkpoint.tensorNames().contains(head)) {
      return;
    }
    StoredTensor stored = checkpoint.tensor(head);
    StoredTensor table = checkpoint.tensor(embeddings.name());
    if (stored.dtype() != table.dtype()
        || !stored.shape().equals(table.shape())
        || stored.data().mismatch(table.data()) != -1) {
      throw refuse(
          head,
          "not the same as '" + embeddings.name() + "'",
          "what equals it, since tie_word_embeddings is true");
    }
    needed.add(head);
  }

  /** Whether a tensor serves what predicts further tokens, which is left out. */
  private static boolean drafts(String tensor, DecoderShape shape) {
    int layers = shape.traits().draftLayers();
    Matcher layer = LAYER.matcher(tensor);
    if (!layer.matches()) {
      return layers > 0 && DRAFTS.matcher(tensor).matches();
    }
    int behind = Integer.parseInt(layer.group(1)) - shape.layers();
    return behind >= 0 && behind < layers;
  }

  /**
   * Whether a tensor would make keys or values of a layer that attends to those of another, or is
   * there once more in parts.
   */
  private static boolean unused(String tensor, DecoderShape shape) {
    Matcher stored = STORED.matcher(tensor);
    boolean again =
        shape.traits().latent().filter(LatentTraits::apart).isPresent()
            && tensor.endsWith(LatentNeeds.TOGETHER);
    return again || (stored.matches() && shape.shares(Integer.parseInt(stored.group(1))));
  }

  private void refuseSurplus(DecoderShape shape, String family) {
    Set<String> surplus =
        checkpoint.tensorNames().stream()
            .filter(name -> !needed.contains(name))
            .filter(name -> !RECOMPUTED.matcher(name).matches())
            .filter(name -> !drafts(name, shape) && !unused(name, shape))
            .collect(Collectors.toSet());
    if (!surplus.isEmpty()) {
      throw new CheckpointException(
          "%s: %s not part of the model that the configuration describes for family %s"
              .formatted(
                  checkpoint.root(),
                  surplus.size() == 1
                      ? "tensor " + some(surplus) + " is"
                      : "tensors " + some(surplus) + " are",
                  family));
    }
  }

  private static String some(Set<String> names) {
    String shown =
        names.stream()
            .sorted()
            .limit(SHOWN)
            .map(name -> "'" + name + "'")
            .collect(Collectors.joining(", "));
    return names.size() > SHOWN ? "%s and %d more".formatted(shown, names.size() - SHOWN) : shown;
  }

  private CheckpointException refuse(String tensor, String found, String allowed) {
    return new CheckpointException(
        "%s: tensor '%s' is %s; allowed is %s"
            .formatted(checkpoint.root(), tensor, found, allowed));
  }

  /** How many elements the model's tensors have. */
  public long elements() {
    return elements;
  }

  /** How many bytes they take as stored. */
  public long bytes() {
    return bytes;
  }
}
