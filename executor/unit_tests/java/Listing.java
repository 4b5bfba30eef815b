package precieux;

import java.lang.reflect.AnnotatedElement;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.Tag;
import org.junit.platform.commons.support.AnnotationSupport;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/** The tests that JUnit has found. One with parameters, repetitions or a factory is one test. */
final class Listing {
    /** The tests cannot be listed. */
    static final class Fault extends Exception {
        private static final long serialVersionUID = 1;

        Fault(String message) {
            super(message);
        }
    }

    private static final int MAX_TESTS = 1000;
    private static final int MAX_POINTS = 1000;
    private final List<MethodSource> tests = new ArrayList<>();
    private final String visibility;

    Listing(TestPlan plan, String visibility) {
        this.visibility = visibility;
        plan.getRoots().forEach(root -> add(plan, root));
    }

    private void add(TestPlan plan, TestIdentifier identifier) {
        Object source = identifier.getSource().orElse(null);
        if (source instanceof MethodSource) tests.add((MethodSource) source);
        else plan.getChildren(identifier).forEach(child -> add(plan, child));
    }

    static String groupOf(MethodSource source) {
        return source.getClassName().replace('$', '.');
    }

    static String keyOf(MethodSource source) {
        return groupOf(source) + "\n" + source.getMethodName();
    }

    List<Object> describe() throws Fault {
        if (tests.isEmpty()) throw new Fault("No test was found.");
        if (tests.size() > MAX_TESTS) throw new Fault("There are more than 1,000 tests.");
        List<Object> entries = new ArrayList<>();
        Set<String> keys = new HashSet<>();
        double sum = 0;
        for (MethodSource test : tests) {
            if (!keys.add(keyOf(test))) {
                throw new Fault("There are two tests '" + test.getMethodName() + "' in " + groupOf(test) + ".");
            }
            Map<String, Object> entry = entry(test);
            sum += (Double) entry.get("points");
            entries.add(entry);
        }
        if (sum == 0) throw new Fault("No test has points.");
        return entries;
    }

    private Map<String, Object> entry(MethodSource test) throws Fault {
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("group", groupOf(test));
        entry.put("name", test.getMethodName());
        entry.put("points", 1.0);
        entry.put("hidden", visibility.equals("hidden"));
        List<AnnotatedElement> marked = new ArrayList<>();
        for (Class<?> type = test.getJavaClass(); type != null; type = type.getEnclosingClass()) marked.add(0, type);
        marked.add(test.getJavaMethod()); // the nearest mark wins
        for (AnnotatedElement element : marked) {
            for (Tag tag : AnnotationSupport.findRepeatableAnnotations(element, Tag.class)) {
                if (tag.value().startsWith("points:")) entry.put("points", points(test, tag.value().substring(7).trim()));
                if (tag.value().equals("hidden") || tag.value().equals("visible")) {
                    entry.put("hidden", tag.value().equals("hidden"));
                }
            }
        }
        if (marked.stream().anyMatch(one -> AnnotationSupport.isAnnotated(one, Disabled.class))) entry.put("points", 0.0);
        return entry;
    }

    private static double points(MethodSource test, String text) throws Fault {
        double points = text.matches("[0-9]{1,4}([.][0-9]{1,6})?") ? Double.parseDouble(text) : -1;
        if (points >= 0 && points <= MAX_POINTS) return points;
        throw new Fault(keyOf(test).replace("\n", ": ") + " has the points " + text
            + ": they must be a number from 0 to " + MAX_POINTS + ".");
    }
}
