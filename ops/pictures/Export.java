import com.structurizr.Workspace;
import com.structurizr.dsl.StructurizrDslParser;
import com.structurizr.export.Diagram;
import com.structurizr.export.IndentingWriter;
import com.structurizr.export.dot.DOTExporter;
import com.structurizr.model.*;
import com.structurizr.view.*;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Writes each view of a model as a graph for Graphviz: `java -cp <jars> Export.java <model.dsl> <folder>`. */
public class Export {
    public static void main(String[] arguments) throws Exception {
        StructurizrDslParser parser = new StructurizrDslParser();
        parser.parse(new File(arguments[0]));
        for (Diagram diagram : new Graphs().export(parser.getWorkspace())) {
            Files.writeString(Path.of(arguments[1], diagram.getKey() + ".dot"), diagram.getDefinition());
        }
    }

    /** The library's exporter, with smaller letters, the styles of the model, and instances of a node in rows. */
    private static class Graphs extends DOTExporter {
        private static final String FONT = "Helvetica,Arial,sans-serif";
        private static final int COLUMNS = 4;

        @Override
        protected void writeHeader(ModelView view, IndentingWriter writer) {
            AutomaticLayout layout = view.getAutomaticLayout();
            writer.writeLine("digraph \"" + view.getDescription() + "\" {");
            writer.indent();
            writer.writeLine("compound=true bgcolor=\"#ffffff\" pad=0.2");
            writer.writeLine("rankdir=" + (layout.getRankDirection() == AutomaticLayout.RankDirection.LeftRight ? "LR" : "TB"));
            writer.writeLine("ranksep=" + layout.getRankSeparation() / 100.0 + " nodesep=" + layout.getNodeSeparation() / 100.0);
            writer.writeLine("labelloc=t label=<<b>" + text(view.getDescription()) + "</b>>");
            writer.writeLine("graph [fontname=\"" + FONT + "\" fontsize=14 fontcolor=\"#16323f\"]");
            writer.writeLine("node [fontname=\"" + FONT + "\" fontsize=10 margin=\"0.14,0.08\"]");
            writer.writeLine("edge [fontname=\"" + FONT + "\" fontsize=9 color=\"#6b7780\" fontcolor=\"#3d4850\" arrowsize=0.7]");
        }

        @Override
        protected void startSoftwareSystemBoundary(ModelView view, SoftwareSystem system, IndentingWriter writer) {
            if (view instanceof ContainerView) {
                open(system.getId(), system.getName(), "", writer);
            }
        }

        @Override
        protected void endSoftwareSystemBoundary(ModelView view, IndentingWriter writer) {
            if (view instanceof ContainerView) {
                super.endSoftwareSystemBoundary(view, writer);
            }
        }

        @Override
        protected void startContainerBoundary(ModelView view, Container container, IndentingWriter writer) {
            open(container.getId(), container.getName(), container.getTechnology(), writer);
        }

        @Override
        protected void startGroupBoundary(ModelView view, String group, IndentingWriter writer) {
            open("group_" + Integer.toHexString(group.hashCode()), group, "", writer);
        }

        @Override
        protected void startDeploymentNodeBoundary(DeploymentView view, DeploymentNode node, IndentingWriter writer) {
            open(node.getId(), node.getName(), node.getDescription(), writer);
            // Graphviz would put all that a node contains beside each other: here it is in rows.
            List<String> contained = new ArrayList<>();
            node.getInfrastructureNodes().forEach(one -> contained.add(one.getId()));
            node.getContainerInstances().forEach(one -> contained.add(one.getId()));
            node.getChildren().forEach(one -> first(one).ifPresent(contained::add));
            for (int i = 0; i + COLUMNS < contained.size(); i++) {
                writer.writeLine(contained.get(i) + " -> " + contained.get(i + COLUMNS) + " [style=invis]");
            }
        }

        /** The first of all that a node and the nodes in it contain. */
        private static Optional<String> first(DeploymentNode node) {
            return Stream.concat(node.getInfrastructureNodes().stream(), node.getContainerInstances().stream())
                .map(Element::getId).findFirst().or(() -> node.getChildren().stream().flatMap(one -> first(one).stream()).findFirst());
        }

        private void open(String id, String name, String detail, IndentingWriter writer) {
            String small = blank(detail) ? "" : "<font point-size=\"9\">" + text(detail) + "</font><br align=\"left\"/>";
            writer.writeLine("subgraph cluster_" + id + " {");
            writer.indent();
            writer.writeLine("margin=14 labelloc=t labeljust=l style=\"rounded,filled\" color=\"#b8c4cc\" fillcolor=\"#6b878712\"");
            writer.writeLine("label=<<font point-size=\"11\"><b>" + text(name) + "</b></font><br align=\"left\"/>" + small + ">");
        }

        @Override
        protected void writeElement(ModelView view, Element element, IndentingWriter writer) {
            Element shown = element instanceof ContainerInstance instance ? instance.getContainer() : element;
            ElementStyle style = view.getViewSet().getConfiguration().getStyles().findElementStyle(shown);
            StringBuilder label = new StringBuilder("<font point-size=\"12\"><b>" + text(shown.getName()) + "</b></font>");
            String technology = shown instanceof Container one ? one.getTechnology()
                : shown instanceof Component one ? one.getTechnology()
                : shown instanceof InfrastructureNode one ? one.getTechnology() : "";
            if (!blank(technology)) {
                label.append("<br/><font point-size=\"9\" color=\"#4a5560\">" + text(technology) + "</font>");
            }
            // Instances are described where they are containers.
            if (!(element instanceof ContainerInstance) && !blank(shown.getDescription())) {
                label.append("<br/>" + wrapped(shown.getDescription(), 24));
            }
            String shape = style.getShape() == Shape.Cylinder ? "cylinder style=filled" : "box style=\"rounded,filled\"";
            writer.writeLine(String.format("%s [id=%s shape=%s label=<%s> color=\"%s\" fillcolor=\"%s\" fontcolor=\"%s\"]",
                element.getId(), element.getId(), shape, label, style.getStroke(), style.getBackground(), style.getColor()));
        }

        @Override
        protected void writeRelationship(ModelView view, RelationshipView line, IndentingWriter writer) {
            String description = blank(line.getDescription()) ? line.getRelationship().getDescription() : line.getDescription();
            String order = blank(line.getOrder()) ? "" : "<b>" + line.getOrder() + ".</b> ";
            // A ground of its own, because lines of others may pass below.
            String label = "<table border=\"0\" cellborder=\"0\" cellpadding=\"2\"><tr><td bgcolor=\"#ffffffb0\">"
                + order + wrapped(description, 16) + "</td></tr></table>";
            writer.writeLine(String.format("%s -> %s [label=<%s>]",
                line.getRelationship().getSourceId(), line.getRelationship().getDestinationId(), label));
        }

        private static boolean blank(String text) {
            return text == null || text.isBlank();
        }

        private static String text(String plain) {
            return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
        }

        /** The text in lines of about `width` letters. */
        private static String wrapped(String plain, int width) {
            StringBuilder lines = new StringBuilder();
            int length = 0;
            for (String word : plain.split(" ")) {
                if (length > 0 && length + word.length() > width) {
                    lines.append("<br/>");
                    length = 0;
                } else if (length > 0) {
                    lines.append(' ');
                }
                lines.append(text(word));
                length += word.length() + 1;
            }
            return lines.toString();
        }
    }
}
