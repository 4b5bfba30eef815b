package precieux;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.engine.JupiterTestEngine;
import org.junit.platform.engine.DiscoverySelector;
import org.junit.platform.engine.FilterResult;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.PostDiscoveryFilter;
import org.junit.platform.launcher.core.LauncherConfig;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** The main program of the tests' box: it lists the tests, and runs them against the student's box. */
final class TestsBox {
    private static final Path WORK = Path.of("/box/work");
    private static final Pattern PACKAGE = Pattern.compile("(?m)^\\s*package\\s+([\\w.]+)\\s*;");
    private static final Pattern TYPE = Pattern.compile("\\b(?:class|record|interface)\\s+([\\w$]+)");
    private static final int READER = 7;
    private static final int WRITER = 8;
    private static final int REPORT = 9;

    private final Map<String, Object> settings;
    private final Report report = new Report(new Lines(REPORT, REPORT));
    private final Launcher launcher = LauncherFactory.create(LauncherConfig.builder()
        .enableTestEngineAutoRegistration(false).enableTestExecutionListenerAutoRegistration(false)
        .enablePostDiscoveryFilterAutoRegistration(false).enableLauncherSessionListenerAutoRegistration(false)
        .addTestEngines(new JupiterTestEngine()).build());

    private TestsBox(Map<String, Object> settings) throws ReflectiveOperationException {
        this.settings = settings;
    }

    public static void main(String[] words) throws Exception {
        Path settings = Path.of("/box/given/settings.json");
        TestsBox box = new TestsBox(Json.readObject(Files.readString(settings)));
        try {
            if (box.settings.get("numbers") == null) box.list();
            else box.run((List<?>) box.settings.get("numbers"));
        } catch (Throwable thrown) {
            box.fail(thrown);
        }
        Report.leave(0);
    }

    /** Ends the box after an error. If it was to list the tests, the executor learns why it could not. */
    private void fail(Throwable thrown) {
        if (settings.get("numbers") == null) {
            StringWriter text = new StringWriter();
            if (thrown instanceof Listing.Fault) text.write(thrown.getMessage());
            else thrown.printStackTrace(new PrintWriter(text));
            report.tell("fault", Map.of("message", RunningTest.cut(text.toString(), 16384)));
        }
        Report.leave(1);
    }

    private void list() throws Exception {
        new Relay(report, new Lines(READER, WRITER), new Written(0)).failure =
            "The tests are listed without the student's program, so its values can be used in tests and fixtures only.";
        Listing listing = new Listing(launcher.discover(request(null)), (String) settings.get("visibility"));
        boolean isCalling = false;
        for (String source : sources()) isCalling |= source.contains("precieux");
        if (!isCalling) throw new Listing.Fault("The tests call no class of the student's: `import precieux.Student`.");
        report.tell("listed", Map.of("tests", listing.describe(), "modules", List.of()));
    }

    private void run(List<?> numbers) throws Exception {
        Written written = new Written((Long) settings.get("output_bytes"));
        Relay relay = new Relay(report, new Lines(READER, WRITER), written);
        relay.failure = (String) settings.get("failure");
        if (relay.failure == null) {
            report.tell("start", Map.of());
            relay.ask("start", Object.class, null, null, null);
            report.tell("started", written.take());
        }
        written.isStarting = false;
        Map<String, List<?>> chosen = new HashMap<>();
        for (Object one : numbers) {
            List<?> entry = (List<?>) one;
            chosen.put(entry.get(1) + "\n" + entry.get(2), entry);
        }
        launcher.execute(request(chosen.keySet()), new Running(relay, report, written, chosen));
        report.tell("finished", Map.of());
    }

    /** Returns what the launcher is asked for: all tests, or those of these keys. */
    private LauncherDiscoveryRequest request(Set<String> keys) throws Exception {
        PostDiscoveryFilter filter = descriptor -> {
            Object source = descriptor.getSource().orElse(null);
            boolean isLeftOut = keys != null && source instanceof MethodSource
                && !keys.contains(Listing.keyOf((MethodSource) source));
            return FilterResult.includedIf(!isLeftOut);
        };
        return LauncherDiscoveryRequestBuilder.request().selectors(classes()).filters(filter)
            // The order is the same in each box, even if it is a random one.
            .configurationParameter("junit.jupiter.execution.order.random.seed", "1")
            .enableImplicitConfigurationParameters(false).build();
    }

    /** Returns the classes of the test files, in the order of the files. */
    private List<DiscoverySelector> classes() throws Exception {
        Set<String> names = new LinkedHashSet<>();
        for (String source : sources()) {
            Matcher in = PACKAGE.matcher(source);
            String before = in.find() ? in.group(1) + "." : "";
            for (Matcher type = TYPE.matcher(source); type.find();) {
                String name = before + type.group(1);
                if (Files.exists(WORK.resolve(name.replace('.', '/') + ".class"))) names.add(name);
            }
        }
        List<DiscoverySelector> found = new ArrayList<>();
        for (String name : names) {
            found.add(DiscoverySelectors.selectClass(Class.forName(name, false, TestsBox.class.getClassLoader())));
        }
        return found;
    }

    private List<String> sources() throws IOException {
        List<String> found = new ArrayList<>();
        for (Object path : (List<?>) settings.get("tests")) {
            found.add(Files.readString(WORK.resolve((String) path)));
        }
        return found;
    }
}
