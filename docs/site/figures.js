// Draws the figures of the notebooks with plotly, which is loaded only where there is a figure.
// Before that, and where it cannot be loaded, a still picture stands in its place.

const here = document.currentScript.src;

function draw(figure) {
  const { data, layout } = JSON.parse(figure.querySelector("script").textContent);
  const place = document.createElement("div");
  figure.querySelector(".still").replaceWith(place);
  delete layout.width;
  window.Plotly.newPlot(place, data, layout, { responsive: true, displaylogo: false });
}

const figures = [...document.querySelectorAll(".figure")];
if (figures.length) {
  const plotly = document.createElement("script");
  plotly.src = new URL("plotly.min.js", here);
  plotly.onload = () => figures.forEach(draw);
  document.head.append(plotly);
}
