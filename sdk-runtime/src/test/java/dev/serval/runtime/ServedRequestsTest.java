package dev.serval.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.serval.api.ChatMessage;
import dev.serval.api.FinishReason;
import dev.serval.api.Generation;
import dev.serval.api.GenerationRequest;
import dev.serval.api.GenerationResult;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.IsolationScope;
import dev.serval.api.Prompt;
import dev.serval.api.Sampling;
import dev.serval.api.ServingRuntime;
import dev.serval.api.TokenChunk;
import dev.serval.api.TokenLogprob;
import dev.serval.api.UnknownModelException;
import dev.serval.api.compute.DType;
import dev.serval.testkit.models.Oracle;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a request can ask for, of a real model. */
final class ServedRequestsTest {
  @TempDir static Path folder;
  private static final OracleRequests REQUESTS = new OracleRequests(Oracle.named("llama"));
  private static ServingRuntime runtime;

  @BeforeAll
  static void open() throws IOException {
    runtime =
        Serval.builder()
            .model(ModelSource.of(REQUESTS.oracle().folder(folder)).withNames("tiny", "alias"))
            .kvDtype(DType.F32)
            .build();
  }

  @AfterAll
  static void close() {
    runtime.close();
  }

  @Test
  void a_stream_tells_the_same_as_the_result() {
    try (Generation generation = REQUESTS.begin(runtime, 1)) {
      StringBuilder text = new StringBuilder();
      List<Integer> tokens = new ArrayList<>();
      for (TokenChunk chunk : generation) {
        text.append(chunk.text());
        tokens.addAll(chunk.tokenIds());
      }
      GenerationResult result = OracleRequests.result(generation);
      assertThat(result.text()).isEqualTo(text.toString());
      assertThat(result.choices().getFirst().tokenIds()).isEqualTo(tokens);
      assertThat(result.timings().gaps()).hasSize(tokens.size() - 1);
      assertThat(result.timings().total()).isGreaterThan(result.timings().timeToFirstToken());
    }
  }

  @Test
  void a_subscriber_is_given_the_same() throws Exception {
    CompletableFuture<List<TokenChunk>> heard = new CompletableFuture<>();
    REQUESTS.begin(runtime, 2).subscribe(new OneByOne(heard));
    assertThat(heard.get(60, TimeUnit.SECONDS))
        .flatExtracting(TokenChunk::tokenIds)
        .containsExactlyElementsOf(REQUESTS.answer(2));
  }

  @Test
  void a_second_subscriber_is_refused_through_its_on_error() throws Exception {
    try (Generation generation = REQUESTS.begin(runtime, 0)) {
      generation.subscribe(new OneByOne(new CompletableFuture<>()));
      CompletableFuture<List<TokenChunk>> second = new CompletableFuture<>();
      generation.subscribe(new OneByOne(second));
      assertThat(second.handle((chunks, e) -> e).get(60, TimeUnit.SECONDS))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("has a reader already");
    }
  }

  @Test
  void a_stop_string_cuts_the_text_wherever_it_falls() {
    String whole = OracleRequests.result(REQUESTS.begin(runtime, 3)).text();
    for (int from = 0; from < whole.length(); from += 5) {
      String stop = whole.substring(from, Math.min(from + 3, whole.length()));
      if (!Character.isSurrogate(stop.charAt(0))
          && !Character.isSurrogate(stop.charAt(stop.length() - 1))) {
        GenerationResult.Choice choice =
            OracleRequests.result(
                    runtime.submit(REQUESTS.request(3).stopStrings(List.of(stop)).build()))
                .choices()
                .getFirst();
        assertThat(choice.text()).isEqualTo(whole.substring(0, whole.indexOf(stop)));
        assertThat(choice.finishReason()).isEqualTo(FinishReason.STOP);
      }
    }
  }

  @Test
  void a_stop_token_ends_a_choice_and_is_its_last() {
    int stop = REQUESTS.answer(1).get(3);
    GenerationResult.Choice choice =
        OracleRequests.result(
                runtime.submit(REQUESTS.request(1).stopTokenIds(Set.of(stop)).build()))
            .choices()
            .getFirst();
    assertThat(choice.tokenIds())
        .isEqualTo(REQUESTS.answer(1).subList(0, REQUESTS.answer(1).indexOf(stop) + 1));
    assertThat(choice.finishReason()).isEqualTo(FinishReason.STOP);
  }

  @Test
  void probabilities_come_with_the_likeliest_first_and_the_greedy_token_leads() {
    GenerationResult.Choice choice =
        OracleRequests.result(runtime.submit(REQUESTS.request(2).logprobs(5).build()))
            .choices()
            .getFirst();
    assertThat(choice.logprobs()).hasSameSizeAs(choice.tokenIds());
    for (TokenLogprob logprob : choice.logprobs()) {
      assertThat(logprob.alternatives()).hasSize(5);
      assertThat(logprob.alternatives().getFirst().tokenId()).isEqualTo(logprob.tokenId());
      assertThat(logprob.alternatives().getFirst().logprob()).isEqualTo(logprob.logprob());
      assertThat(logprob.alternatives())
          .isSortedAccordingTo((a, b) -> Double.compare(b.logprob(), a.logprob()));
      assertThat(logprob.logprob()).isNegative();
    }
  }

  @Test
  void choices_are_those_that_their_own_seeds_give_and_share_the_prompt() {
    GenerationResult together =
        OracleRequests.result(runtime.submit(sampled(7).choices(4).build()));
    assertThat(together.choices())
        .extracting(GenerationResult.Choice::tokenIds)
        .doesNotHaveDuplicates();
    for (int i = 0; i < 4; i++) {
      GenerationResult alone = OracleRequests.result(runtime.submit(sampled(7 + i).build()));
      assertThat(together.choices().get(i).tokenIds())
          .isEqualTo(alone.choices().getFirst().tokenIds());
    }
    assertThat(together.usage().promptTokens()).isEqualTo(90);
    assertThat(together.usage().completionTokens()).isEqualTo(4 * 24);
  }

  private static GenerationRequest.Builder sampled(long seed) {
    return REQUESTS.request(3).sampling(Sampling.builder().temperature(1.5).seed(seed).build());
  }

  @Test
  void a_bias_decides_what_is_drawn() {
    Sampling biased = Sampling.builder().temperature(0).logitBias(Map.of(17, 100.0)).build();
    GenerationResult result =
        OracleRequests.result(
            runtime.submit(REQUESTS.request(1).maxTokens(3).sampling(biased).build()));
    assertThat(result.choices().getFirst().tokenIds()).containsExactly(17, 17, 17);
  }

  @Test
  void a_prompt_seen_before_is_found_in_its_own_scope_alone() {
    GenerationRequest first = REQUESTS.request(3).scope(IsolationScope.of("ann")).build();
    GenerationRequest other = REQUESTS.request(3).scope(IsolationScope.of("ben")).build();
    assertThat(OracleRequests.result(runtime.submit(first)).usage().cachedPromptTokens()).isZero();
    assertThat(OracleRequests.result(runtime.submit(first)).usage().cachedPromptTokens())
        .isEqualTo(80);
    assertThat(OracleRequests.result(runtime.submit(other)).usage().cachedPromptTokens()).isZero();
  }

  @Test
  void both_names_reach_the_model_and_no_other_does() {
    for (String name : List.of("tiny", "alias")) {
      GenerationRequest request = REQUESTS.request(0).model(name).build();
      REQUESTS.checkResult(runtime.submit(request), 0, name);
    }
    assertThatExceptionOfType(UnknownModelException.class)
        .isThrownBy(() -> runtime.submit(REQUESTS.request(0).model("other").build()).close())
        .withMessageContaining("tiny, alias");
  }

  @Test
  void a_model_without_a_template_does_not_converse() {
    assertThatExceptionOfType(InvalidRequestException.class)
        .isThrownBy(() ->
            runtime.submit(GenerationRequest.of(Prompt.chat(ChatMessage.user("Hello")))).close())
        .withMessageContaining("no chat template");
  }

  @Test
  void a_generation_may_fill_the_context_to_the_last_token() {
    GenerationRequest request =
        GenerationRequest.builder(Prompt.tokens(new int[500])).ignoreEos(true).build();
    GenerationResult result = OracleRequests.result(runtime.submit(request));
    assertThat(result.usage().totalTokens()).isEqualTo(512);
    assertThat(result.choices().getFirst().finishReason()).isEqualTo(FinishReason.LENGTH);
  }

  @Test
  void ids_are_never_given_twice() {
    try (Generation first = REQUESTS.begin(runtime, 0);
        Generation second = REQUESTS.begin(runtime, 0)) {
      assertThat(first.id()).isNotEqualTo(second.id()).isNotBlank();
    }
  }

  /** Asks for one chunk at a time and collects them. */
  private static final class OneByOne implements Flow.Subscriber<TokenChunk> {
    private final CompletableFuture<List<TokenChunk>> done;
    private final List<TokenChunk> chunks = new ArrayList<>();
    private Flow.Subscription subscription;

    OneByOne(CompletableFuture<List<TokenChunk>> done) {
      this.done = done;
    }

    @Override
    public void onSubscribe(Flow.Subscription given) {
      subscription = given;
      given.request(1);
    }

    @Override
    public void onNext(TokenChunk chunk) {
      chunks.add(chunk);
      subscription.request(1);
    }

    @Override
    public void onError(Throwable failure) {
      done.completeExceptionally(failure);
    }

    @Override
    public void onComplete() {
      done.complete(chunks);
    }
  }
}
