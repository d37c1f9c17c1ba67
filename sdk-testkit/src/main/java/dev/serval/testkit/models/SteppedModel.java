package dev.serval.testkit.models;

import dev.serval.api.Bytes;
import dev.serval.api.LoadListener;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.cache.KvSwap;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.device.Device;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.ModelFamily;
import dev.serval.api.model.SampledToken;
import dev.serval.api.model.StepLimits;
import dev.serval.api.model.TokenSampler;
import dev.serval.api.storage.Checkpoint;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** A model on a backend and the least of an engine: sequences, blocks in no order, steps. */
public class SteppedModel implements AutoCloseable {
  private final NativeMemory memory = NativeMemory.root("test", Bytes.gibi(8));
  private final ComputeBackend backend;
  private final KvMemory kv;
  private final ModelExecutor executor;
  private final StepBatch batch;
  private final List<Integer> freeBlocks;
  private final SampledToken drawn = new SampledToken(0);

  /**
   * How a model is run.
   *
   * @param kvType how keys and values are kept
   * @param blockTokens tokens of a block
   * @param blocks of the KV memory
   * @param limits the largest step
   */
  public record Setup(DType kvType, int blockTokens, int blocks, StepLimits limits) {
    /** Small. */
    public static final Setup SMALL = new Setup(DType.F32, 16, 96, new StepLimits(160, 8, 8));

    /**
     * The same, but for how keys and values are kept.
     *
     * @param type how
     * @return a copy
     */
    public Setup keeping(DType type) {
      return new Setup(type, blockTokens, blocks, limits);
    }
  }

  /**
   * Loads a model.
   *
   * @param checkpoint the model
   * @param family runs it
   * @param provider opens the backend
   * @param device where
   * @param options how it computes
   * @param setup how it is run
   */
  public SteppedModel(
      Checkpoint checkpoint,
      ModelFamily family,
      ComputeBackendProvider provider,
      Device device,
      ComputeOptions options,
      Setup setup) {
    batch = new StepBatch(setup.limits().tokens(), setup.limits().sequences());
    freeBlocks = new ArrayList<>(IntStream.range(0, setup.blocks()).boxed().toList());
    Collections.shuffle(freeBlocks, new Random(7));
    ComputeBackend opened = provider.open(device, options, memory);
    try {
      kv =
          opened.kvMemory(
              family.inspect(checkpoint).kvLayout(setup.blockTokens(), setup.kvType()),
              setup.blocks());
      executor = family.load(checkpoint, opened, kv, setup.limits(), LoadListener.NONE);
    } catch (RuntimeException | Error e) {
      opened.close();
      memory.close();
      throw e;
    }
    backend = opened;
  }

  /**
   * What computes.
   *
   * @return the executor
   */
  public ModelExecutor executor() {
    return executor;
  }

  /**
   * Where it computes.
   *
   * @return the backend
   */
  public ComputeBackend backend() {
    return backend;
  }

  /**
   * Begins a sequence.
   *
   * @param prompt its tokens
   * @return the sequence
   */
  public Sequence sequence(int[] prompt) {
    return new Sequence(prompt);
  }

  /**
   * Computes a prompt in chunks.
   *
   * @param prompt the prompt
   * @param chunk how many tokens a step takes
   * @return the logits after it
   */
  public float[] logits(int[] prompt, int chunk) {
    return advance(sequence(prompt), chunk);
  }

  /**
   * Generates greedily, by the host's eyes.
   *
   * @param prompt the prompt
   * @param count how many tokens
   * @return the tokens
   */
  public int[] greedy(int[] prompt, int count) {
    Sequence sequence = sequence(prompt);
    while (sequence.generated() < count) {
      sequence.append(argmax(advance(sequence)));
    }
    return sequence.completion();
  }

  /**
   * Computes what is left of a sequence, in steps as large as can be.
   *
   * @param sequence the sequence
   * @return the logits after it
   */
  public float[] advance(Sequence sequence) {
    return advance(sequence, batch.maxRows());
  }

  /**
   * Computes what is left of a sequence.
   *
   * @param sequence the sequence
   * @param chunk how many tokens a step takes
   * @return the logits after it
   */
  public float[] advance(Sequence sequence, int chunk) {
    float[] logits = new float[0];
    while (sequence.left() > 0) {
      int count = Math.min(sequence.left(), chunk);
      logits = step(List.of(sequence), List.of(count)).getFirst();
    }
    return logits;
  }

  /**
   * One step: so many tokens of each sequence.
   *
   * @param sequences those that take part
   * @param counts tokens of each
   * @return each one's logits
   */
  public List<float[]> step(List<Sequence> sequences, List<Integer> counts) {
    fill(sequences, counts);
    Logits logits = executor.execute(batch);
    List<float[]> rows = new ArrayList<>();
    for (int i = 0; i < sequences.size(); i++) {
      sequences.get(i).computed(counts.get(i));
      rows.add(logits.row(batch.logitRow(i)).toArray(ValueLayout.JAVA_FLOAT));
    }
    return rows;
  }

  /**
   * One step of a sequence's next token and others that are guessed to follow it.
   *
   * @param sequence the sequence, which has computed the next token alone afterwards
   * @param guesses what may follow
   * @return the logits after the token and after each guess
   */
  public List<float[]> verify(Sequence sequence, int... guesses) {
    int from = sequence.computed;
    int count = 1 + guesses.length;
    int[] run = Arrays.copyOf(sequence.tokens, from + count);
    System.arraycopy(guesses, 0, run, from + 1, guesses.length);
    batch.clear();
    sequence.reserve(from + count);
    batch.addDraft(run, from, count, sequence.table);
    Logits logits = executor.execute(batch);
    sequence.computed(1);
    return IntStream.range(0, count)
        .mapToObj(row -> logits.row(row).toArray(ValueLayout.JAVA_FLOAT))
        .toList();
  }

  /**
   * A step that is not computed yet.
   *
   * @param sequences those that take part
   * @param counts tokens of each
   * @return the step, until the next
   */
  public StepBatch fill(List<Sequence> sequences, List<Integer> counts) {
    batch.clear();
    for (int i = 0; i < sequences.size(); i++) {
      Sequence sequence = sequences.get(i);
      sequence.reserve(sequence.computed + counts.get(i));
      batch.add(sequence.tokens, sequence.computed, counts.get(i), sequence.table, true);
    }
    return batch;
  }

  /**
   * One step in which every sequence computes what is left of it, or a part of its prompt, and
   * draws a token once nothing is left.
   *
   * @param sequences those that take part
   * @param most tokens of a sequence
   */
  public void draw(List<Sequence> sequences, int most) {
    batch.clear();
    for (int i = 0; i < sequences.size(); i++) {
      Sequence sequence = sequences.get(i);
      int count = Math.min(most, sequence.left());
      sequence.reserve(sequence.computed + count);
      if (count == sequence.left() && sequence.sampler != null) {
        batch.add(sequence.tokens, sequence.computed, count, sequence.table, sequence.sampler);
      } else {
        batch.add(
            sequence.tokens, sequence.computed, count, sequence.table, count == sequence.left());
      }
    }
    Logits logits = executor.execute(batch);
    for (int i = 0; i < sequences.size(); i++) {
      Sequence sequence = sequences.get(i);
      sequence.computed(batch.firstRow(i + 1) - batch.firstRow(i));
      if (batch.logitRow(i) >= 0 && sequence.sampler != null) {
        sequence.sampler.sample(logits, batch.logitRow(i), drawn);
        sequence.append(drawn.id());
      }
    }
  }

  /**
   * Room for blocks beside the device.
   *
   * @param slots for how many
   * @return the room, as the backend gives it
   */
  public KvSwap swap(int slots) {
    return backend.kvSwap(kv, slots);
  }

  /**
   * Saves a sequence's blocks, and gives them back.
   *
   * @param sequence the sequence
   * @param swap where to
   * @param firstSlot the slot of its first block, whose others follow
   */
  public void save(Sequence sequence, KvSwap swap, int firstSlot) {
    List<Integer> held = sequence.held();
    for (int i = 0; i < held.size(); i++) {
      swap.save(sequence.table.block(held.get(i)), firstSlot + i);
    }
    end(sequence);
  }

  /**
   * Brings what was computed of a sequence to other blocks.
   *
   * @param sequence a sequence that was saved
   * @param swap where from
   * @param firstSlot the slot of its first block
   */
  public void load(Sequence sequence, KvSwap swap, int firstSlot) {
    sequence.reserve(sequence.computed);
    sequence.computed(0);
    List<Integer> held = sequence.held();
    for (int i = 0; i < held.size(); i++) {
      swap.load(firstSlot + i, sequence.table.block(held.get(i)));
    }
  }

  /**
   * Moves a sequence's blocks to others while the next step computes, which is not to use them.
   *
   * @param sequence the sequence
   * @param swap through which
   * @param firstSlot the slot of its first block, whose others follow
   */
  public void moveAhead(Sequence sequence, KvSwap swap, int firstSlot) {
    List<Integer> held = sequence.held();
    for (int i = 0; i < held.size(); i++) {
      int from = sequence.table.block(held.get(i));
      int to = freeBlocks.removeLast();
      swap.saveAhead(from, firstSlot + i);
      swap.loadAhead(firstSlot + i, to);
      sequence.table.set(held.get(i), to);
      freeBlocks.add(0, from); // the last to be handed out
    }
  }

  /**
   * Saves some of a sequence's blocks and brings them back while the next step computes, which is
   * not to use them: each is saved before it is written to, as blocks are that a cache without free
   * ones hands out anew.
   *
   * @param sequence the sequence
   * @param swap through which; the slot of its first block is 0, whose others follow
   * @param first the first block, counted round the sequence
   * @param count how many
   */
  public void renewAhead(Sequence sequence, KvSwap swap, int first, int count) {
    for (int i = 0; i < count; i++) {
      int index = (first + i) % sequence.table.size();
      swap.saveAhead(sequence.table.block(index), index);
      swap.loadAhead(index, sequence.table.block(index));
    }
  }

  /**
   * Moves a sequence's blocks to others, one after the other through one slot.
   *
   * @param sequence the sequence
   * @param swap where the slot is
   * @param slot the slot
   */
  public void moveThrough(Sequence sequence, KvSwap swap, int slot) {
    for (int entry : sequence.held()) {
      int from = sequence.table.block(entry);
      int to = freeBlocks.removeLast();
      swap.save(from, slot);
      swap.load(slot, to);
      sequence.table.set(entry, to);
      freeBlocks.add(from);
    }
  }

  /**
   * Gives a sequence's blocks back.
   *
   * @param sequence the sequence, which is computed no further
   */
  public void end(Sequence sequence) {
    for (int i = 0; i < sequence.table.size(); i++) {
      sequence.giveBack(i);
    }
    sequence.table.clear();
  }

  /**
   * The token with the largest score.
   *
   * @param logits the scores
   * @return the first of the largest
   */
  public static int argmax(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }

  @Override
  public void close() {
    backend.close();
    memory.close();
  }

  /** A sequence with blocks of its own. */
  public final class Sequence {
    private final BlockTable table = new BlockTable();
    private final int promptLength;
    private @Nullable TokenSampler sampler;
    private int[] tokens;
    private int total;
    private int computed;

    private Sequence(int[] prompt) {
      tokens = prompt.clone();
      promptLength = prompt.length;
      total = prompt.length;
    }

    /**
     * Says who draws its tokens.
     *
     * @param drawer a sampler
     * @return this
     */
    public Sequence drawnBy(TokenSampler drawer) {
      sampler = drawer;
      return this;
    }

    /** So many more tokens are computed: blocks are given back that no query sees any more. */
    private void computed(int count) {
      computed += count;
      KvLayout layout = kv.layout();
      for (int group = 0; group < layout.groups(); group++) {
        int seen = layout.window(group).firstSeen(computed) / layout.blockTokens();
        for (int block = 0; block < seen; block++) {
          giveBack(block * layout.groups() + group);
        }
      }
    }

    /** Which entries of its table have a block. */
    private List<Integer> held() {
      return IntStream.range(0, table.size())
          .filter(entry -> table.block(entry) != BlockTable.NONE)
          .boxed()
          .toList();
    }

    private void giveBack(int entry) {
      if (table.block(entry) != BlockTable.NONE) {
        freeBlocks.add(table.block(entry));
        table.set(entry, BlockTable.NONE);
      }
    }

    private void reserve(int count) {
      while (table.size() < kv.layout().blocksFor(count)) {
        table.add(freeBlocks.removeLast());
      }
    }

    /**
     * Goes on with a token.
     *
     * @param token the token
     */
    public void append(int token) {
      if (total == tokens.length) {
        tokens = Arrays.copyOf(tokens, total * 2);
      }
      tokens[total++] = token;
    }

    /**
     * What is not computed yet.
     *
     * @return the number of tokens
     */
    public int left() {
      return total - computed;
    }

    /**
     * Takes back the last tokens, which have been followed by another.
     *
     * @param count how many
     */
    public void takeBack(int count) {
      total -= count;
      computed -= count;
    }

    /**
     * Guesses were right: what was verified of them is computed.
     *
     * @param count how many
     */
    public void accept(int count) {
      computed += count;
    }

    /**
     * How many blocks it has.
     *
     * @return the number
     */
    public int blocks() {
      return table.size();
    }

    /**
     * What was appended to the prompt.
     *
     * @return the number of tokens
     */
    public int generated() {
      return total - promptLength;
    }

    /**
     * What was generated.
     *
     * @return the tokens
     */
    public int[] completion() {
      return Arrays.copyOfRange(tokens, promptLength, total);
    }
  }
}
