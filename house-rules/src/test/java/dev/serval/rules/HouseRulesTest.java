package dev.serval.rules;

import static com.tngtech.archunit.base.DescribedPredicate.anyElementThat;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noMethods;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.util.List;
import java.util.stream.Stream;

/** Who may know whom, and what no code may do. */
@AnalyzeClasses(packages = "dev.serval", importOptions = ImportOption.DoNotIncludeTests.class)
final class HouseRulesTest {
  private static final List<String> PARTS =
      List.of("batching", "cache", "gpu", "storage", "scheduling", "models");
  private static final List<String> ASSEMBLIES = List.of("runtime", "guice", "server", "simulator");

  @ArchTest
  static final ArchRule the_api_knows_nobody =
      classes()
          .that()
          .resideInAPackage("dev.serval.api..")
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage("java..", "dev.serval.api..", "org.jspecify..");

  @ArchTest
  static void the_parts_meet_in_the_api_alone(JavaClasses all) {
    for (String part : PARTS) {
      noClasses()
          .that()
          .resideInAPackage(of(part))
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              Stream.concat(PARTS.stream(), ASSEMBLIES.stream())
                  .filter(other -> !other.equals(part))
                  .map(HouseRulesTest::of)
                  .toArray(String[]::new))
          .check(all);
    }
  }

  @ArchTest
  static final ArchRule the_runtime_knows_neither_guice_nor_the_server =
      noClasses()
          .that()
          .resideInAPackage(of("runtime"))
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(of("guice"), of("server"));

  @ArchTest
  static final ArchRule the_server_serves_any_runtime =
      noClasses()
          .that()
          .resideInAPackage(of("server"))
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(PARTS.stream().map(HouseRulesTest::of).toArray(String[]::new));

  @ArchTest
  static final ArchRule the_simulator_knows_the_scheduler_and_the_cache_alone =
      noClasses()
          .that()
          .resideInAPackage(of("simulator"))
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              Stream.of("storage", "scheduling", "models", "runtime", "guice", "server")
                  .map(HouseRulesTest::of)
                  .toArray(String[]::new));

  /** Those of the processor's backend among them. */
  @ArchTest
  static final ArchRule packages_of_the_models_are_free_of_cycles =
      slices().matching("dev.serval.models.(**)").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule packages_of_the_storage_are_free_of_cycles =
      slices().matching("dev.serval.storage.(**)").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule no_state_is_static = fields().that().areStatic().should().beFinal();

  /**
   * The compiler makes an object of a vector that goes to or comes from what it does not inline.
   */
  @ArchTest
  static final ArchRule vectors_stay_within_a_method =
      noMethods()
          .should()
          .haveRawReturnType(resideInAPackage("jdk.incubator.vector"))
          .orShould()
          .haveRawParameterTypes(anyElementThat(resideInAPackage("jdk.incubator.vector")));

  @ArchTest
  static final ArchRule nobody_writes_to_the_console_or_to_system_properties =
      noClasses()
          .should()
          .accessField(System.class, "out")
          .orShould()
          .accessField(System.class, "err")
          .orShould()
          .callMethod(System.class, "setProperty", String.class, String.class)
          .orShould()
          .callMethod(System.class, "exit", int.class);

  @ArchTest
  static final ArchRule time_is_a_parameter =
      noClasses()
          .that()
          .resideInAnyPackage(
              Stream.concat(PARTS.stream(), Stream.of("simulator"))
                  .map(HouseRulesTest::of)
                  .toArray(String[]::new))
          .should()
          .callMethod(System.class, "currentTimeMillis")
          .orShould()
          .callMethod(java.time.Instant.class, "now")
          .orShould()
          .callMethod(Math.class, "random");

  @ArchTest
  static final ArchRule names_say_what_a_thing_is =
      noClasses()
          .that()
          .arePublic()
          .should()
          .haveSimpleNameEndingWith("Manager")
          .orShould()
          .haveSimpleNameEndingWith("Helper")
          .orShould()
          .haveSimpleNameEndingWith("Impl")
          .orShould()
          .haveSimpleNameEndingWith("Util")
          .orShould()
          .haveSimpleNameEndingWith("Utils");

  private static String of(String module) {
    return "dev.serval." + module + "..";
  }
}
