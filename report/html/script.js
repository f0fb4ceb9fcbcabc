'use strict';
// The page reads without this: it sorts, filters, brushes, and scales the ladders.
(function () {
  const $ = (id) => document.getElementById(id);
  document.documentElement.classList.add('js');

  // Sort a table by a column: a button in each heading.
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value !== undefined ? cell.dataset.value : cell.textContent.trim();
  };
  for (const table of document.querySelectorAll('table.sortable')) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener('click', () => {
        const down = head.getAttribute('aria-sort') === 'ascending';
        for (const h of heads) h.removeAttribute('aria-sort');
        head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
        const rows = [...table.tBodies[0].rows];
        const numbers = rows.every((r) => value(r, column) !== '' && !isNaN(value(r, column)));
        rows.sort((a, b) => {
          const x = value(a, column), y = value(b, column);
          const order = numbers ? Number(x) - Number(y) : x.localeCompare(y);
          return down ? -order : order;
        });
        table.tBodies[0].append(...rows);
      });
    });
  }

  // Filter incidents, and the services beside them, by words, cause, harm and time.
  const incidents = [...document.querySelectorAll('.incident')];
  const rows = [...document.querySelectorAll('tr[data-text]')];
  let from = -Infinity, to = Infinity;
  const filter = () => {
    if (!$('filter')) return;
    const words = $('words').value.toLowerCase().split(/\s+/).filter(Boolean);
    const cause = $('cause').value, harm = $('harm').checked;
    const fits = (e) => (!cause || e.dataset.cause === cause) && words.every((w) => e.dataset.text.toLowerCase().includes(w));
    let shown = 0;
    for (const i of incidents) {
      const at = Number(i.dataset.time);
      i.hidden = !(fits(i) && (!harm || i.dataset.harm === 'true') && at >= from && at <= to);
      if (!i.hidden) shown++;
    }
    for (const r of rows) r.hidden = !fits(r);
    $('shown').textContent = shown + ' of ' + incidents.length + ' shown';
  };
  if ($('filter')) {
    $('filter').addEventListener('input', filter);
    $('filter').addEventListener('submit', (e) => e.preventDefault());
    filter();
  }

  // Brush the time: with the pointer, or by the keys with the chart in focus.
  const chart = $('timeline');
  if (chart) {
    const first = Number(chart.dataset.from), last = Number(chart.dataset.to);
    const width = chart.viewBox.baseVal.width, brush = $('brush');
    const place = (e) => {
      const box = chart.getBoundingClientRect();
      return Math.min(1, Math.max(0, (e.clientX - box.left) / box.width));
    };
    const show = (a, b) => {
      brush.setAttribute('x', a * width);
      brush.setAttribute('width', (b - a) * width);
      from = first + a * (last - first);
      to = first + b * (last - first);
      $('unbrush').disabled = false;
      filter();
    };
    let start = null, range = [0, 1];
    chart.addEventListener('pointerdown', (e) => { start = place(e); chart.setPointerCapture(e.pointerId); });
    chart.addEventListener('pointermove', (e) => {
      if (start === null) return;
      const at = place(e);
      range = [Math.min(start, at), Math.max(start, at)];
      show(range[0], range[1]);
    });
    chart.addEventListener('pointerup', (e) => {
      if (start !== null && Math.abs(place(e) - start) < 0.002) $('unbrush').click();
      start = null;
    });
    chart.tabIndex = 0;
    chart.addEventListener('keydown', (e) => {
      const step = { ArrowLeft: -0.05, ArrowRight: 0.05 }[e.key];
      if (e.key === 'Escape') $('unbrush').click();
      if (!step) return;
      e.preventDefault();
      if (e.shiftKey) range[1] = Math.min(1, Math.max(range[0] + 0.05, range[1] + step));
      else range[0] = Math.max(0, Math.min(range[1] - 0.05, range[0] + step));
      show(range[0], range[1]);
    });
    $('unbrush').addEventListener('click', () => {
      brush.setAttribute('width', 0);
      from = -Infinity; to = Infinity; range = [0, 1];
      $('unbrush').disabled = true;
      filter();
    });
  }

  // Ladders with the time to scale, or a step for each packet.
  const ladders = [...document.querySelectorAll('svg.ladder')];
  if ($('scale')) $('scale').addEventListener('change', () => {
    for (const svg of ladders) {
      const rungs = [...svg.querySelectorAll('.rung')];
      const times = rungs.map((r) => Number(r.dataset.ms));
      const span = times[times.length - 1] - times[0];
      const top = Number(svg.dataset.top), room = (rungs.length - 1) * Number(svg.dataset.step);
      rungs.forEach((r, k) => {
        const y = $('scale').checked && span > 0 ? top + room * (times[k] - times[0]) / span : Number(r.dataset.y);
        r.setAttribute('transform', 'translate(0 ' + y + ')');
      });
    }
  });

  // A link to an incident, or to a packet in it, opens it.
  const open = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    const incident = target && target.closest('.incident');
    if (!incident) return;
    incident.hidden = false;
    incident.open = true;
    target.scrollIntoView();
  };
  addEventListener('hashchange', open);
  open();

  // On paper everything is open.
  addEventListener('beforeprint', () => { for (const i of incidents) { i.dataset.was = i.open; i.open = true; } });
  addEventListener('afterprint', () => { for (const i of incidents) i.open = i.dataset.was === 'true'; });
})();
