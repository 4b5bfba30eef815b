package precieux;

import java.lang.reflect.Array;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.lang.reflect.WildcardType;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.LinkedList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** Gives values that came over the relay the type that a method declares, as far as Java would. */
abstract class Types {
    /** A value does not fit a type. */
    static final class Mismatch extends Exception {
        private static final long serialVersionUID = 1;

        Mismatch(Object value, Class<?> type) {
            super((value == null ? "null" : "a value of the type " + value.getClass().getSimpleName())
                + " is no " + type.getSimpleName());
        }
    }

    private static final List<Class<?>> NUMBERS =
        List.of(Byte.class, Short.class, Integer.class, Long.class, Float.class, Double.class);
    private static final Map<Class<?>, Class<?>> BOXES = Map.of(boolean.class, Boolean.class, byte.class, Byte.class,
        short.class, Short.class, char.class, Character.class, int.class, Integer.class, long.class, Long.class,
        float.class, Float.class, double.class, Double.class, void.class, Void.class);

    /** Returns an object that is no plain value as one of the type; null if it is none. */
    abstract Object other(Object value, Class<?> type);

    static Class<?> raw(Type type) {
        if (type instanceof Class<?>) return (Class<?>) type;
        if (type instanceof ParameterizedType) return raw(((ParameterizedType) type).getRawType());
        if (type instanceof WildcardType) return raw(((WildcardType) type).getUpperBounds()[0]);
        if (type instanceof TypeVariable<?>) return raw(((TypeVariable<?>) type).getBounds()[0]);
        return Array.newInstance(raw(((GenericArrayType) type).getGenericComponentType()), 0).getClass();
    }

    final Object fit(Object value, Type type) throws Mismatch {
        Class<?> wanted = raw(type);
        if (wanted == void.class) return null;
        if (value == null && !wanted.isPrimitive()) return null;
        if (value == null) throw new Mismatch(null, wanted);
        if (value.getClass().isArray() && wanted.isArray()) return fitArray(value, type, wanted);
        Object fitted = type instanceof ParameterizedType ? fitParts(value, type) : value;
        Class<?> boxed = BOXES.getOrDefault(wanted, wanted);
        if (boxed.isInstance(fitted)) return fitted;
        if (wanted.isPrimitive()) return widened(fitted, boxed);
        Object other = collection(fitted, wanted);
        if (other == null) other = other(fitted, wanted);
        if (other == null) throw new Mismatch(value, wanted);
        return other;
    }

    private Object fitArray(Object value, Type type, Class<?> wanted) throws Mismatch {
        Class<?> component = wanted.getComponentType();
        if (component.isPrimitive() || value.getClass().getComponentType().isPrimitive()) {
            if (wanted.isInstance(value)) return value;
            throw new Mismatch(value, wanted);
        }
        Type part = type instanceof GenericArrayType ? ((GenericArrayType) type).getGenericComponentType() : component;
        int length = Array.getLength(value);
        Object fitted = Array.newInstance(component, length);
        boolean isSame = wanted.isInstance(value);
        for (int index = 0; index < length; index++) {
            Object item = Array.get(value, index);
            Array.set(fitted, index, fit(item, part));
            isSame &= item == Array.get(fitted, index);
        }
        return isSame ? value : fitted;
    }

    /** Returns the value, with what it contains as its type says. */
    @SuppressWarnings("unchecked")
    private Object fitParts(Object value, Type type) throws Mismatch {
        if (value instanceof List<?> && !Values.isFrozen(value)) {
            List<Object> list = (List<Object>) value;
            for (int index = 0; index < list.size(); index++) {
                Object fitted = fitPart(list.get(index), type, 0);
                if (fitted != list.get(index)) list.set(index, fitted);
            }
        } else if (value instanceof Set<?>) {
            Set<Object> fitted = new LinkedHashSet<>();
            for (Object item : (Set<?>) value) fitted.add(fitPart(item, type, 0));
            return fitted.equals(value) ? value : fitted;
        } else if (value instanceof Map<?, ?>) {
            Map<Object, Object> fitted = new LinkedHashMap<>();
            for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                fitted.put(fitPart(entry.getKey(), type, 0), fitPart(entry.getValue(), type, 1));
            }
            return fitted.equals(value) ? value : fitted;
        } else if (value instanceof Optional<?> && ((Optional<?>) value).isPresent()) {
            return Optional.of(fitPart(((Optional<?>) value).get(), type, 0));
        }
        return value;
    }

    /** Returns a part of a value. Java does not check the parts, so a plain one stays as it is. */
    private Object fitPart(Object part, Type type, int index) throws Mismatch {
        Type[] types = ((ParameterizedType) type).getActualTypeArguments();
        if (index >= types.length) return part;
        try {
            return fit(part, types[index]);
        } catch (Mismatch mismatch) {
            return part;
        }
    }

    private static Object widened(Object value, Class<?> boxed) throws Mismatch {
        Object number = value instanceof Character ? (Object) (int) (Character) value : value;
        int from = NUMBERS.indexOf(number.getClass());
        int to = NUMBERS.indexOf(boxed);
        if (from < 0 || from > to || (value instanceof Character && to < 2)) throw new Mismatch(value, boxed);
        Number plain = (Number) number;
        switch (to) {
            case 1: return plain.shortValue();
            case 2: return plain.intValue();
            case 3: return plain.longValue();
            case 4: return plain.floatValue();
            default: return plain.doubleValue();
        }
    }

    private static Object collection(Object value, Class<?> wanted) {
        try {
            if (value instanceof List<?>) {
                if (wanted.isAssignableFrom(LinkedList.class)) return new LinkedList<>((List<?>) value);
                if (wanted == ArrayList.class) return new ArrayList<>((List<?>) value);
            }
            if (value instanceof Set<?> && wanted.isAssignableFrom(TreeSet.class)) return new TreeSet<>((Collection<?>) value);
            if (value instanceof Map<?, ?> && wanted.isAssignableFrom(TreeMap.class)) return new TreeMap<>((Map<?, ?>) value);
        } catch (ClassCastException | NullPointerException exception) {
            return null; // it has no order
        }
        return null;
    }
}
