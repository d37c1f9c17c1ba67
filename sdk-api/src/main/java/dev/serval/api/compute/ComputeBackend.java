package dev.serval.api.compute;

import dev.serval.api.Sampling;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.cache.KvSwap;
import dev.serval.api.device.Device;
import dev.serval.api.model.TokenSampler;
import dev.serval.api.storage.StoredTensor;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The coarse operations of a transformer's forward pass on one device. A model family composes
 * them; a backend implements them with whatever kernels the device runs best.
 *
 * <p><b>Threads.</b> One thread at a time: first the one that loads, then the engine's. A backend
 * may spread an operation over threads of its own. Operations take effect in the order they are
 * called and may be asynchronous; reading {@link Logits} waits for what they depend on.
 *
 * <p><b>Numerics.</b> A row's result depends on that row's inputs alone, never on what else is in
 * the step: the order of each reduction is fixed by shapes, not by the number of rows, the length
 * of the chunk or the threads. Buffers hold F32.
 *
 * <p><b>Ownership.</b> Everything a backend hands out lives in the native memory it was opened with
 * and dies when that is closed. Closing the backend ends its threads. Handing in what another
 * backend made is an {@link IllegalArgumentException}.
 */
public interface ComputeBackend extends AutoCloseable {
  /**
   * What this backend is, for {@code describe()}.
   *
   * @return a short name with the code path, such as {@code cpu, plain Java, 2 threads}
   */
  String description();

  /**
   * What its results depend on, the types of the weights that were loaded included where it rounds
   * them.
   *
   * @return the numerics id
   */
  NumericsId numerics();

  /**
   * The device it runs on.
   *
   * @return the device
   */
  Device device();

  /**
   * Takes over a weight, in the types it is stored in. Several tensors of equal columns are stacked
   * by rows into one matrix, so that what reads the same input is one operation; each keeps its
   * type.
   *
   * @param parts vectors, joined end to end, or matrices {@code [rows, columns]} from top to
   *     bottom; not empty. Their data may be referred to until the backend is closed
   * @return the weight
   * @throws IllegalArgumentException when the parts do not fit together
   */
  Weight load(List<StoredTensor> parts);

  /**
   * Allocates a buffer.
   *
   * @param maxRows the most rows a step may have
   * @param columns the width
   * @return the buffer
   */
  Activations activations(int maxRows, int columns);

  /**
   * Allocates a buffer of rows that are written by norms, {@link #multiply}, {@link #attention},
   * {@link #gateOutput}, {@link #deltaNet}, {@link #stateSpace}, {@link #shortConvolution} or
   * activation functions and read by linear maps, {@link #addExperts} and {@link #project} alone,
   * so that a backend may keep them in the type to which its products round their inputs. Weights
   * are loaded first.
   *
   * @param maxRows the most rows a step may have
   * @param columns the width
   * @return the buffer
   */
  default Activations operands(int maxRows, int columns) {
    return activations(maxRows, columns);
  }

  /**
   * Allocates a {@linkplain #activations(int, int) buffer} that may lie where scores do, for a pass
   * that is done with it before it {@linkplain #project has scores}. What is allocated with the
   * same scores lies side by side.
   *
   * @param maxRows the most rows a step may have
   * @param columns the width
   * @param scores what nobody reads any more when the buffer is written
   * @return the buffer
   */
  default Activations activations(int maxRows, int columns, Logits scores) {
    return activations(maxRows, columns);
  }

  /**
   * Allocates a {@linkplain #operands(int, int) buffer that maps read} which may lie where scores
   * do, as {@link #activations(int, int, Logits)} says.
   *
   * @param maxRows the most rows a step may have
   * @param columns the width
   * @param scores what nobody reads any more when the buffer is written
   * @return the buffer
   */
  default Activations operands(int maxRows, int columns, Logits scores) {
    return operands(maxRows, columns);
  }

  /**
   * Allocates what {@link #feedForward} has between its maps: a backend that has no need of some of
   * it gives it without memory, and one that does a few rows at a time as much as those take.
   * Weights are loaded first.
   *
   * @param function what {@link #feedForward} is given
   * @param maxRows the most rows a step may have
   * @param inner the columns of the second map
   * @param spare buffers whose elements nobody wants any more when {@link #feedForward} is called:
   *     some of the result may lie in their place
   * @return the room
   */
  default FeedForwardRoom feedForwardRoom(
      ActivationFunction function, int maxRows, int inner, List<Activations> spare) {
    return new FeedForwardRoom(
        activations(maxRows, function.inputs(inner)), operands(maxRows, inner));
  }

  /**
   * Allocates the KV memory of an engine.
   *
   * @param layout how a block is laid out
   * @param blocks how many blocks there are
   * @return the memory
   * @throws dev.serval.api.device.OutOfNativeMemoryException when it does not fit
   */
  KvMemory kvMemory(KvLayout layout, int blocks);

  /**
   * Allocates room in the host's memory to which blocks of a KV memory can be moved.
   *
   * @param kv the KV memory
   * @param slots how many blocks it shall hold at most
   * @return the room; {@link KvSwap#NONE} where the KV memory is the host's anyway
   * @throws dev.serval.api.device.OutOfNativeMemoryException when it does not fit
   */
  default KvSwap kvSwap(KvMemory kv, int slots) {
    return KvSwap.NONE;
  }

  /**
   * Does the operations of a step. A backend may record them and, when it is given the same pass
   * for a later step of like shape, do what is recorded without calling it: which operations a pass
   * calls, in which order and with which buffers, must not depend on the step, but for those behind
   * {@link #gather}, which a step that wants the logits of all its rows has no use for. An
   * operation may also be called by itself.
   *
   * @param batch the step
   * @param pass calls the operations
   */
  default void step(StepBatch batch, Consumer<StepBatch> pass) {
    pass.accept(batch);
  }

  /**
   * Looks up the embedding of each token: {@code out[r] = table[token(r)]}.
   *
   * @param batch the step
   * @param table {@code [vocabulary, width]}
   * @param out width columns
   */
  void embed(StepBatch batch, Weight table, Activations out);

  /**
   * Looks up the embedding of each token's position: {@code out[r] = table[position(r)]}.
   *
   * @param batch the step
   * @param table {@code [positions, width]}
   * @param out width columns
   */
  void embedPositions(StepBatch batch, Weight table, Activations out);

  /**
   * Normalises each row, or equal parts of it.
   *
   * @param batch the step
   * @param in the rows
   * @param norm how, with vectors of the width; or, by the root of the mean square, with a gain of
   *     a multiple of four elements that the width is a multiple of: then each part of so many
   *     columns is normalised by itself
   * @param out of the same width; may be {@code in}; no {@linkplain #operands operand} where parts
   *     are normalised
   */
  void norm(StepBatch batch, Activations in, Norm norm, Activations out);

  /**
   * Normalises each row and adds it to what is there, as layers do that normalise behind their
   * parts.
   *
   * @param batch the step
   * @param in the rows
   * @param norm how, with vectors of the width
   * @param out of the same width; not {@code in}
   */
  void normAdd(StepBatch batch, Activations in, Norm norm, Activations out);

  /**
   * Adds each row, multiplied, to what is there: {@code out += in · factor}.
   *
   * @param batch the step
   * @param in the rows
   * @param factor what they are multiplied by
   * @param out of the same width; not {@code in}
   */
  void addScaled(StepBatch batch, Activations in, float factor, Activations out);

  /**
   * Multiplies each row in place: {@code rows = rows · factor}.
   *
   * @param batch the step
   * @param rows the rows
   * @param factor what they are multiplied by; 0 makes them 0, whatever they hold
   */
  void scale(StepBatch batch, Activations rows, float factor);

  /**
   * Multiplies each row by a vector, element by element: {@code out = in · factors}.
   *
   * @param batch the step
   * @param in the rows
   * @param factors a vector of the width
   * @param out of the same width; not {@code in}
   */
  void multiply(StepBatch batch, Activations in, Weight factors, Activations out);

  /**
   * Makes each row as large as another: {@code rows = rows · √(mean(like²) / max(mean(rows²),
   * 10⁻⁵))}.
   *
   * @param batch the step
   * @param like rows of the size that is wanted
   * @param rows of the same width; not {@code like}
   */
  void rescale(StepBatch batch, Activations like, Activations rows);

  /**
   * Adds some rows to others, each of them by a share of its own for each step's row: {@code out[i]
   * += Σ shares[i · n + j] · in[j]}, with n buffers of rows that are added. So streams of residuals
   * are mixed.
   *
   * @param batch the step
   * @param in what is added, up to {@link OperandChecks#MOST_MIXED} buffers of one width
   * @param shares as many columns as there are pairs of buffers
   * @param out what it is added to, as many at most and of the same width, no two the same; they
   *     may be among {@code in}, which counts as it is before
   */
  void mix(StepBatch batch, List<Activations> in, Activations shares, List<Activations> out);

  /**
   * A linear map of each row: {@code out = in · weightᵀ + bias}.
   *
   * @param batch the step
   * @param in as many columns as the weight
   * @param weight the matrix
   * @param bias a vector of the weight's rows, or null
   * @param out as many columns as the weight has rows; not {@code in}
   */
  void linear(
      StepBatch batch, Activations in, Weight weight, @Nullable Weight bias, Activations out);

  /**
   * A linear map added to what is there, as residual connections need it: {@code out += in ·
   * weightᵀ + bias}.
   *
   * @param batch the step
   * @param in as many columns as the weight
   * @param weight the matrix
   * @param bias a vector of the weight's rows, or null
   * @param out as many columns as the weight has rows; not {@code in}
   */
  void linearAdd(
      StepBatch batch, Activations in, Weight weight, @Nullable Weight bias, Activations out);

  /**
   * A linear map of each head by itself: {@code out = [map(0) · in(0) | kept(0) | map(1) · in(1) |
   * kept(1) | … | behind]}, as latent attention has it between what tokens give and its queries,
   * and between its values and what heads give.
   *
   * @param batch the step
   * @param in for each head as many columns as its map takes, and those that are kept
   * @param maps the maps
   * @param behind what goes behind all heads as it is, or null; not {@code out}
   * @param out for each head as many columns as its map gives, and those that are kept; then as
   *     many as there are behind; not {@code in}
   */
  void linearOfHeads(
      StepBatch batch,
      Activations in,
      HeadMaps maps,
      @Nullable Activations behind,
      Activations out);

  /**
   * Normalises (if the rules say so) and turns queries and keys by their positions, in place, and
   * writes keys and values to the cache; of rows that have queries alone it turns these.
   *
   * @param batch the step
   * @param qkv rows of queries, keys and values
   * @param spec the rules
   * @param layer which layer of the cache
   * @param kv the cache
   */
  void rotateAndStore(StepBatch batch, Activations qkv, AttentionSpec spec, int layer, KvMemory kv);

  /**
   * Causal attention of each row's queries over its sequence's cached keys and values, the row's
   * own included. {@link #rotateAndStore} comes first.
   *
   * @param batch the step
   * @param qkv rows whose queries are turned
   * @param spec the rules
   * @param layer which layer of the cache
   * @param kv the cache
   * @param out a value's dimensions for each query head
   */
  void attention(
      StepBatch batch,
      Activations qkv,
      AttentionSpec spec,
      int layer,
      KvMemory kv,
      Activations out);

  /**
   * Lets through what attention gives by gates of its own: {@code out = in · σ(gates)}.
   *
   * @param batch the step
   * @param gates what the logistic function is taken of
   * @param in of the same width
   * @param out of the same width; not {@code gates}, may be {@code in}
   */
  void gateOutput(StepBatch batch, Activations gates, Activations in, Activations out);

  /**
   * A layer of gated delta networks, between its first map and its last. Each run begins with the
   * state that the block of the token before it holds, and leaves in each block that it comes
   * through the state behind the last of its tokens there.
   *
   * @param batch the step
   * @param in rows of {@linkplain DeltaNetShape#inputColumns what it begins with}
   * @param spec the rules
   * @param state which layer it is among those with a state, from 0
   * @param kv where blocks are
   * @param between as many columns as {@linkplain DeltaNetShape#channels go through the
   *     convolution}; what lay there is lost
   * @param out as many columns as there are of values
   */
  void deltaNet(
      StepBatch batch,
      Activations in,
      DeltaNetSpec spec,
      int state,
      KvMemory kv,
      Activations between,
      Activations out);

  /**
   * A layer of state spaces, between its first map and its last, whose states lie as those of
   * {@link #deltaNet} do.
   *
   * @param batch the step
   * @param in rows of {@linkplain StateSpaceShape#inputColumns what it begins with}
   * @param spec the rules
   * @param state which layer it is among those with a state, from 0
   * @param kv where blocks are
   * @param between as many columns as {@linkplain StateSpaceShape#channels go through the
   *     convolution}; what lay there is lost
   * @param out as many columns as all heads have
   */
  void stateSpace(
      StepBatch batch,
      Activations in,
      StateSpaceSpec spec,
      int state,
      KvMemory kv,
      Activations between,
      Activations out);

  /**
   * A layer that is a short convolution, between its first map and its last, whose states lie as
   * those of {@link #deltaNet} do.
   *
   * @param batch the step
   * @param in rows of three times its width; what lay there is lost
   * @param spec the rules
   * @param state which layer it is among those with a state, from 0
   * @param kv where blocks are
   * @param out as many columns as its width
   */
  void shortConvolution(
      StepBatch batch,
      Activations in,
      ShortConvolutionSpec spec,
      int state,
      KvMemory kv,
      Activations out);

  /**
   * The gated activation of a feed-forward layer (Shazeer, <a
   * href="https://arxiv.org/abs/2002.05202">arXiv:2002.05202</a>): {@code out = function(gate) ·
   * up}, with the {@linkplain GateFunction function's} limit and offset.
   *
   * @param batch the step
   * @param function what lets values through
   * @param gateUp rows of {@code [gate | up]}, twice as wide as {@code out}
   * @param out the product
   */
  void gate(StepBatch batch, GateFunction function, Activations gateUp, Activations out);

  /**
   * The same where ups lie apart: {@code out = function(gates) · ups[first …]}.
   *
   * @param batch the step
   * @param function what lets values through
   * @param gates as wide as {@code out}
   * @param ups rows that have the ups somewhere; not {@code out}
   * @param first in which column they begin
   * @param out the product; not {@code gates}
   */
  void gateApart(
      StepBatch batch,
      GateFunction function,
      Activations gates,
      Activations ups,
      int first,
      Activations out);

  /**
   * Keeps those of each row's gates alone that stand out, as {@link SparseGate} says, in their
   * place.
   *
   * @param batch the step
   * @param deviations how many standard deviations above the mean the least of them are
   * @param gateUp gates, then as many ups, which stay as they are
   */
  void sparsify(StepBatch batch, float deviations, Activations gateUp);

  /**
   * The activation of a feed-forward layer that has no gates: {@code out = function(in)}.
   *
   * @param batch the step
   * @param function what is taken of each element
   * @param in the rows
   * @param out of the same width; not {@code in}
   */
  void activate(StepBatch batch, UngatedFunction function, Activations in, Activations out);

  /**
   * A feed-forward layer: {@link #linear} with the first map, {@link #gate}, behind {@link
   * #sparsify} perhaps, or {@link #activate}, and {@link #linear} or {@link #linearAdd} with the
   * second.
   *
   * @param batch the step
   * @param function what is between the maps
   * @param in as many columns as the first map
   * @param maps the weights
   * @param room what {@link #feedForwardRoom} made for this function, or for a {@link SparseGate}
   *     of it, and maps of these sizes
   * @param out as many columns as the second map has rows
   * @param add whether the result is added to what is there
   */
  default void feedForward(
      StepBatch batch,
      ActivationFunction function,
      Activations in,
      FeedForwardMaps maps,
      FeedForwardRoom room,
      Activations out,
      boolean add) {
    linear(batch, in, maps.gateUp(), maps.gateUpBias(), room.gates());
    switch (function) {
      case GateFunction gating -> gate(batch, gating, room.gates(), room.gated());
      case SparseGate(GateFunction gating, float deviations) -> {
        sparsify(batch, deviations, room.gates());
        gate(batch, gating, room.gates(), room.gated());
      }
      case UngatedFunction plain -> activate(batch, plain, room.gates(), room.gated());
    }
    if (add) {
      linearAdd(batch, room.gated(), maps.down(), maps.downBias(), out);
    } else {
      linear(batch, room.gated(), maps.down(), maps.downBias(), out);
    }
  }

  /**
   * Makes a layer of experts, and room for what it has between its maps, which layers of the same
   * sizes may share.
   *
   * @param spec its weights, loaded by this backend, and rules
   * @param maxRows the most rows a step may have
   * @return the layer
   */
  ExpertLayer experts(ExpertSpec spec, int maxRows);

  /**
   * Gives each row to some experts and adds what they make of it to what is there: {@code out +=
   * factor · Σ share(e) · down(e) · (function(gate(e) · in) · (up(e) · in))}, or {@code down(e) ·
   * function(up(e) · in)} where there are no gates, each map with its bias if it has one. A row's
   * experts are added one after the other, the first of the layer first.
   *
   * @param batch the step
   * @param in rows of the layer's width
   * @param experts the layer
   * @param out of the same width; not {@code in}
   */
  void addExperts(StepBatch batch, Activations in, ExpertLayer experts, Activations out);

  /**
   * Moves those rows of each sequence that logits are wanted of to their rows among the logits, so
   * that the operations that follow can do without the others: their step is what {@link
   * StepBatch#addLastRows} makes of this one. What lay there and behind is lost.
   *
   * @param batch the step
   * @param rows its rows
   * @return whether they were moved; a backend that leaves them as they are does so always
   */
  default boolean gather(StepBatch batch, Activations rows) {
    return false;
  }

  /**
   * The scores over the vocabulary, for the rows of each sequence that want them.
   *
   * @param batch the step
   * @param hidden the normalised rows
   * @param head {@code [vocabulary, width]}
   * @param bias a vector of the vocabulary, or null
   * @param out where the scores go, as {@link #logits} made it
   */
  void project(StepBatch batch, Activations hidden, Weight head, @Nullable Weight bias, Logits out);

  /**
   * Keeps scores small, as Gemma 2 does (<a
   * href="https://arxiv.org/abs/2408.00118">arXiv:2408.00118</a>): each becomes {@code cap ·
   * tanh(score / cap)}.
   *
   * @param batch the step
   * @param cap above 0
   * @param logits its scores, as {@link #project} left them
   */
  void softcap(StepBatch batch, float cap, Logits logits);

  /**
   * Allocates room for a step's scores.
   *
   * @param maxRows the most rows of logits of a step
   * @param vocabulary the vocabulary's size
   * @return the room
   */
  Logits logits(int maxRows, int vocabulary);

  /**
   * A sampler that draws a sequence's tokens where the scores are, so that they need not come to
   * the host.
   *
   * @param sampling how tokens are drawn
   * @param seed where the draw begins
   * @param prompt the prompt's tokens, which the repetition penalty looks at; not kept
   * @param vocabulary how many scores a row has
   * @return the sampler; empty where this backend cannot draw so, and tokens are drawn on the host
   * @throws dev.serval.api.InvalidRequestException when bias or prompt name a token outside the
   *     vocabulary
   */
  default Optional<TokenSampler> sampler(
      Sampling sampling, long seed, int[] prompt, int vocabulary) {
    return Optional.empty();
  }

  /**
   * Draws for every sequence of the step whose sampler this backend made; that sampler then hands
   * out the token. Others draw later, from the scores.
   *
   * @param batch the step
   * @param logits its scores
   */
  default void draw(StepBatch batch, Logits logits) {}

  /** Ends the backend's threads; waits for the operation under way. Closing again does nothing. */
  @Override
  void close();
}
