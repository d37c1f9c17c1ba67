package dev.serval.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.server.echo.EchoRuntime;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import tools.jackson.databind.JsonNode;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class ModelsTest {
  @AutoClose private final Served<EchoRuntime> served = Served.echo();

  @Test
  void models_are_listed_with_their_root_and_length() throws Exception {
    JsonNode list = Served.json(served.get("/v1/models").body());
    assertThat(list.get("object").stringValue()).isEqualTo("list");
    assertThat(list.get("data").get(0).toString())
        .isEqualTo(
            "{\"id\":\"echo\",\"object\":\"model\",\"created\":1700000000,\"owned_by\":\"serval\","
                + "\"root\":\"/models/echo\",\"parent\":null,\"max_model_len\":100000}");
    assertThat(list.get("data").valueStream().map(m -> m.get("id").stringValue()))
        .containsExactly("echo", "base/tiny", "é", "vectors");
  }

  @Test
  void a_model_is_found_by_its_name_with_slashes_or_escapes() throws Exception {
    for (String path : List.of("echo", "base/tiny", "base%2Ftiny", "%C3%A9")) {
      var response = served.get("/v1/models/" + path);
      assertThat(response.statusCode()).as(path).isEqualTo(200);
    }
    assertThat(Served.json(served.get("/v1/models/base%2Ftiny").body()).get("id").stringValue())
        .isEqualTo("base/tiny");
  }

  @Test
  void an_unknown_model_is_not_found_and_the_others_are_named() throws Exception {
    var response = served.get("/v1/models/gpt-4");
    assertThat(response.statusCode()).isEqualTo(404);
    JsonNode error = Served.json(response.body()).get("error");
    assertThat(error.get("code").stringValue()).isEqualTo("model_not_found");
    assertThat(error.get("message").stringValue()).contains("gpt-4").contains("base/tiny");
  }
}
